import { expect, test } from 'vitest'
import type { Machine } from '../../src/doctor/feature.js'
import { SETTINGS } from '../../src/doctor/settings.js'

function states(files: Readonly<Record<string, string>>): Record<string, string> {
  const never = () => {
    throw new Error('settings run no programs')
  }
  const machine: Machine = { read: (path) => files[path], run: never, apart: never }
  return Object.fromEntries(SETTINGS.map(({ name, probe }) => [name, probe(machine).state]))
}

test('settings that are as they should be', () => {
  expect(
    states({
      '/proc/sys/net/netfilter/nf_conntrack_count': '80',
      '/proc/sys/net/netfilter/nf_conntrack_max': '100',
      '/proc/sys/net/netfilter/nf_conntrack_tcp_loose': '1',
      '/proc/sys/net/ipv4/conf/all/rp_filter': '2',
      '/proc/sys/net/ipv4/ip_forward': '0',
      '/proc/sys/net/core/rmem_max': '8388608',
    }),
  ).toEqual({
    'conntrack-table': 'fine',
    'conntrack-loose': 'fine',
    'rp-filter': 'fine',
    forwarding: 'fine',
    'receive-buffer': 'fine',
  })
})

test('settings that one should know of', () => {
  expect(
    states({
      '/proc/sys/net/netfilter/nf_conntrack_count': '81',
      '/proc/sys/net/netfilter/nf_conntrack_max': '100',
      '/proc/sys/net/netfilter/nf_conntrack_tcp_loose': '0',
      '/proc/sys/net/ipv4/conf/all/rp_filter': '0',
      '/proc/sys/net/ipv6/conf/all/forwarding': '1',
      '/proc/sys/net/core/rmem_max': '212992',
    }),
  ).toEqual({
    'conntrack-table': 'worse',
    'conntrack-loose': 'worse',
    'rp-filter': 'worse',
    forwarding: 'worse',
    'receive-buffer': 'worse',
  })
})
