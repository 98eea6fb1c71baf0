/** Settings of the machine that change what the gate sees, or how much of it. */
import { type Feature, fine, worse } from './feature.js'

/** What the addon asks for, in bytes. */
const RECEIVE_BUFFER = 8 << 20
/** A table of connections that is fuller than this will soon refuse new ones. */
const FULL = 0.8

const connections: Feature = {
  name: 'conntrack-table',
  title: 'room in the table of connections (net.netfilter.nf_conntrack_max)',
  probe: ({ read }) => {
    const [count, max] = ['count', 'max'].map((name) => read(`/proc/sys/net/netfilter/nf_conntrack_${name}`))
    if (count === undefined || max === undefined) return fine('not in use yet')
    const detail = `${count} of ${max}`
    return Number(count) > FULL * Number(max) ? worse(detail) : fine(detail)
  },
  otherwise: 'the kernel drops packets of new connections when the table is full, whatever the policy says',
  remedy: 'sysctl net.netfilter.nf_conntrack_max=1048576',
}

const loose: Feature = {
  name: 'conntrack-loose',
  title: 'connections picked up in the middle (net.netfilter.nf_conntrack_tcp_loose)',
  probe: ({ read }) => {
    const value = read('/proc/sys/net/netfilter/nf_conntrack_tcp_loose')
    return value === '0'
      ? worse('0: not picked up')
      : fine(value === undefined ? 'not in use yet' : 'picked up')
  },
  otherwise: 'connections that were open before the gate came are invalid, and cut',
  remedy: 'sysctl net.netfilter.nf_conntrack_tcp_loose=1, at least while the gate is set up',
}

const reversePath: Feature = {
  name: 'rp-filter',
  title: 'reverse path filter (net.ipv4.conf.*.rp_filter)',
  probe: ({ read }) => {
    const value = read('/proc/sys/net/ipv4/conf/all/rp_filter') ?? '0'
    if (value === '0') return worse('all: 0, off unless an interface has its own')
    return fine(value === '1' ? 'all: 1, strict' : 'all: 2, loose')
  },
  otherwise:
    'packets with forged sources from another network reach the rules, which then must tell them apart',
  remedy: 'sysctl net.ipv4.conf.all.rp_filter=1, or 2 where answers take other ways than questions',
}

const forwarding: Feature = {
  name: 'forwarding',
  title: 'this machine as a router (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding)',
  probe: ({ read }) => {
    const on = [
      ...(read('/proc/sys/net/ipv4/ip_forward') === '1' ? ['IPv4'] : []),
      ...(read('/proc/sys/net/ipv6/conf/all/forwarding') === '1' ? ['IPv6'] : []),
    ]
    return on.length === 0 ? fine('off') : worse(`forwards ${on.join(' and ')}`)
  },
  otherwise: 'forwarded packets, those of containers among them, pass input and output by',
  remedy: 'publish ports of containers on 127.0.0.1, or rule them in the chain DOCKER-USER',
}

const buffers: Feature = {
  name: 'receive-buffer',
  title: 'buffers for queued packets (net.core.rmem_max)',
  probe: ({ read }) => {
    const most = Number(read('/proc/sys/net/core/rmem_max') ?? 0)
    return most >= RECEIVE_BUFFER ? fine(`${most} bytes`) : worse(`${most} bytes`)
  },
  otherwise: 'outside the first user namespace a burst overflows sooner; root there is not held by it',
  remedy: `sysctl net.core.rmem_max=${RECEIVE_BUFFER}, if the gate runs in a container`,
}

export const SETTINGS: readonly Feature[] = [connections, loose, reversePath, forwarding, buffers]
