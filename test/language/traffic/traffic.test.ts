import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { printStatements } from '../../../src/language/nft/print/statement.js'
import { parsePolicy } from '../../../src/language/policy/load.js'
import { namesOf } from '../../../src/language/traffic/names.js'
import { regionOf } from '../../../src/language/traffic/region.js'
import { formatSample, type Sample, samplesOf } from '../../../src/language/traffic/samples.js'
import { parseTraffic } from '../../../src/language/traffic/traffic.js'
import { TextError } from '../../../src/language/traffic/words.js'

const NAMES = namesOf(
  parsePolicy(
    'define:\n  internal: [10.0.0.0/16, fd00:10::/48]\n  admins: 10.0.0.5\ninbound: []\noutbound: []\n',
    'policy.yaml',
  ),
)

const packets = (text: string) => samplesOf(parseTraffic(text, NAMES), text).map(formatSample)

describe('one packet in words', () => {
  test.each([
    ['in tcp 10.0.0.7:40000 > 10.0.0.1:11434', 'in tcp 10.0.0.7:40000 > 10.0.0.1:11434'],
    ['tcp 10.0.0.7 -> 10.0.0.1:11434', 'in tcp 10.0.0.7:40000 > 10.0.0.1:11434'],
    ['out udp 10.0.0.1:5 to 198.51.100.53:53', 'out udp 10.0.0.1:5 > 198.51.100.53:53'],
    ['tcp from 10.0.0.7 to :11434', 'in tcp 10.0.0.7:40000 > 192.0.2.1:11434'],
    ['tcp from fd00:10::7 to :22', 'in tcp [fd00:10::7]:40000 > [2001:db8::1]:22'],
    ['tcp to 198.51.100.1:443', 'out tcp 192.0.2.1:40000 > 198.51.100.1:443'],
    ['tcp from [fd00::7]:5 to [fd00::1]:22', 'in tcp [fd00::7]:5 > [fd00::1]:22'],
    ['in icmp 10.0.0.7 > 10.0.0.1', 'in icmp 10.0.0.7 > 10.0.0.1 type echo-request'],
    [
      'in icmpv6 fe80::1 > ff02::1 [type nd-router-advert]',
      'in icmpv6 fe80::1 > ff02::1 type nd-router-advert',
    ],
    ['in 47 10.0.0.7 > 10.0.0.1 [state untracked]', 'in gre 10.0.0.7 > 10.0.0.1 state untracked'],
    [
      'forward tcp 10.0.0.7:1 > 10.1.0.1:2 [state new] [iif eth0] [oif wg0] [flags syn,ack]',
      'forward tcp 10.0.0.7:1 > 10.1.0.1:2 flags syn,ack state new iif eth0 oif wg0',
    ],
    ['tcp from admins to :22', 'in tcp 10.0.0.5:40000 > 192.0.2.1:22'],
  ])('%s', (text, packet) => expect(packets(text)).toEqual([packet]))

  test('ranges and names are their first and last packets, of each IP version', () => {
    expect(packets('tcp from internal to :22')).toEqual([
      'in tcp 10.0.0.0:40000 > 192.0.2.1:22',
      'in tcp 10.0.255.255:40000 > 192.0.2.1:22',
      'in tcp [fd00:10::]:40000 > [2001:db8::1]:22',
      'in tcp [fd00:10:0:ffff:ffff:ffff:ffff:ffff]:40000 > [2001:db8::1]:22',
    ])
    expect(packets('udp to 10.0.0.1:53-54')).toHaveLength(2)
    expect(packets('anything from 10.0.0.7 to :22')).toHaveLength(2)
  })

  const address = fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value) => ({ bits: 32 as const, value })),
    fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((value) => ({ bits: 128 as const, value })),
  )
  const port = fc.nat(65535)

  test('what is written is read again', () => {
    const sample: fc.Arbitrary<Sample> = fc
      .record(
        {
          direction: fc.constantFrom('in' as const, 'out' as const, 'forward' as const),
          ends: fc.tuple(address, address).filter(([a, b]) => a.bits === b.bits),
          protocol: fc.constantFrom(6, 17, 132),
          sport: port,
          dport: port,
          state: fc.constantFrom(1, 2, 4, 8, 64),
          iif: fc.constantFrom('eth0', 'wg-1', 'a.5'),
        },
        { requiredKeys: ['direction', 'ends', 'protocol', 'sport', 'dport'] },
      )
      .map(({ ends: [source, destination], ...rest }) => ({ ...rest, source, destination }))
    fc.assert(
      fc.property(sample, (one) => {
        const text = formatSample(one)
        expect(samplesOf(parseTraffic(text), text)).toEqual([one])
      }),
      { seed: 8 },
    )
  })
})

describe('what is wrong is shown', () => {
  test.each([
    ['', 0, 1, 'a protocol is missing'],
    ['tpc from 10.0.0.7 to :22', 0, 3, 'tpc is no protocol'],
    ['tcp from 10.0.0.300 to :22', 9, 19, '10.0.0.300 is neither an address nor a name of define'],
    ['tcp from interna to :22', 9, 16, 'interna is no address'],
    ['tcp from 10.0.0.7 to :99999', 22, 27, 'port 99999 is out of range'],
    ['tcp from 10.0.0.7 to [fd00::1:22', 21, 32, '[fd00::1:22 is no address'],
    ['tcp 10.0.0.7:40000', 18, 19, 'where it goes is missing'],
    ['tcp from 10.0.0.7 to :22 [stat new]', 26, 30, 'stat is not expected here'],
    ['tcp from 10.0.0.7 to :22 [state nw]', 32, 34, 'nw is no connection state'],
    ['udp from 10.0.0.7 to :22 flags syn', 31, 34, 'only TCP has flags'],
    ['tcp from 10.0.0.7 to :22 type 8', 30, 31, 'only ICMP has types'],
    ['tcp from 10.0.0.7 to :22 iif', 28, 29, 'a value for iif is missing'],
    ['tcp to :22', 0, 10, 'it does not say where the packet comes from'],
    ['tcp from 10.0.0.7', 0, 17, 'it does not say which port'],
    ['out tcp from 10.0.0.7', 0, 21, 'it does not say where the packet goes'],
    ['icmp from 10.0.0.7 to :22', 0, 25, 'icmp has no ports'],
    ['icmp from fd00::7', 0, 17, 'there is no such packet'],
    ['tcp from 10.0.0.7 to fd00::1', 0, 28, 'there is no such packet'],
    ['tcp from 10.0.0.7 to :22 except tcp from 10.0.0.8', 0, 49, 'except goes with never and always'],
  ])('%s', (text, start, end, message) => {
    const result = packetsOrError(text)
    expect(result).toMatchObject({ message, span: { start, end } })
    expect((result as TextError).hint).not.toBe('')
  })

  test('no text makes it throw anything else', () => {
    const word = fc.constantFrom(
      'in',
      'out',
      'tcp',
      'anything',
      'from',
      'to',
      '>',
      ':22',
      '[',
      '[fd00::1]:5',
      ']:',
      'except',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(word, fc.string({ maxLength: 12 })), { maxLength: 8 }), (words) => {
        packetsOrError(words.join(' '))
      }),
      { seed: 8, numRuns: 2000 },
    )
  })
})

function packetsOrError(text: string): string[] | TextError {
  try {
    return packets(text)
  } catch (error) {
    if (error instanceof TextError) return error
    throw error
  }
}

describe('all that a description means', () => {
  const boxes = (text: string) => {
    const { hook, include, except } = regionOf(parseTraffic(text, NAMES))
    const print = (box: (typeof include)[number]) => printStatements({ statements: box })
    return { hook, include: include.map(print), except: except.map(print) }
  }

  test('begins connections, and does not come over loopback', () => {
    expect(boxes('tcp from internal to :22')).toEqual({
      hook: 'input',
      include: [
        'meta nfproto ipv4 ct state new iifname != "lo" meta l4proto tcp ip saddr 10.0.0.0-10.0.255.255 th dport 22',
        'meta nfproto ipv6 ct state new iifname != "lo" meta l4proto tcp ip6 saddr fd00:10::-fd00:10:0:ffff:ffff:ffff:ffff:ffff th dport 22',
      ],
      except: [],
    })
  })

  test('holds of ICMP only what can begin a connection', () => {
    expect(boxes('anything to 10.0.2.0/24 except tcp to 10.0.2.10:5432')).toEqual({
      hook: 'output',
      include: [
        'meta nfproto ipv4 ct state new oifname != "lo" meta l4proto != icmp ip daddr 10.0.2.0-10.0.2.255',
        'meta nfproto ipv4 ct state new oifname != "lo" icmp type { echo-request, timestamp-request, info-request, address-mask-request } ip daddr 10.0.2.0-10.0.2.255',
      ],
      except: [
        'meta nfproto ipv4 ct state new oifname != "lo" meta l4proto tcp ip daddr 10.0.2.10 th dport 5432',
      ],
    })
    expect(boxes('icmp from 10.0.0.7 state established').include).toEqual([
      'meta nfproto ipv4 ct state established iifname != "lo" meta l4proto icmp ip saddr 10.0.0.7',
    ])
  })
})
