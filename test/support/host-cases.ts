/**
 * What becomes of packets on their way to the chains and from them on, each with the answer of a host that is 10.0.0.1 and
 * fd00::1 on eth0, 10.1.0.1, 192.168.7.1 and fd00:1::1 on eth1. One test asks the kernel, another one us.
 */
import { Protocol, packet, rawPacket, type WireSpec } from './conversations/wire.js'

export interface HostCase {
  readonly name: string
  readonly rules: string
  /** Lines of the judge's input, each with the answer's verdict and mark, or the verdict alone where the mark is 0. */
  readonly steps: readonly (readonly [line: string, answer: string])[]
  readonly forwards: boolean
}

const NO_RULES = 'table inet t {\n}\n'

const datagram = (port: number, length = 8): Uint8Array => {
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, 40000)
  view.setUint16(2, port)
  view.setUint16(4, length)
  return bytes
}

const udp = (source: string, destination: string, more: Partial<WireSpec> = {}): Uint8Array =>
  packet({ source, destination, protocol: Protocol.udp, payload: datagram(53), ...more })

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const arrives = (bytes: Uint8Array, on = 'eth0'): string => `I ${on} ${hex(bytes)}`
const sends = (bytes: Uint8Array): string => `O - ${hex(bytes)}`

/** With some bytes changed, and IPv4's checksum right again. */
function changed(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice()
  copy.set(values, at)
  if (copy[0]! >> 4 !== 4) return copy
  const header = (copy[0]! & 15) * 4
  copy.set([0, 0], 10)
  let sum = 0
  for (let i = 0; i < header; i += 2) sum += (copy[i]! << 8) | copy[i + 1]!
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  copy.set([(~sum >>> 8) & 255, ~sum & 255], 10)
  return copy
}

const options = (...bytes: number[]): Uint8Array =>
  changed(udp('10.0.0.99', '10.0.0.1', { options: Math.ceil(bytes.length / 4) * 4 }), 20, ...bytes)

/** A hop-by-hop header with these options. */
const hopByHop = (destination: string, ...bytes: number[]): Uint8Array => {
  const whole = udp('fd00::99', destination, { extensions: [0] })
  whole.set(bytes, 42)
  return whole
}

/** Both fragments of a datagram. */
const fragments = (source: string, destination: string, id = 7): [Uint8Array, Uint8Array] => {
  const whole = udp(source, destination, { payload: datagram(53, 32) })
  const payload = whole.slice(whole.length - 32)
  const spec = { source, destination, protocol: Protocol.udp, id }
  return [
    rawPacket({ ...spec, payload: payload.slice(0, 16), moreFragments: true, fragmentOffset: 0 }),
    rawPacket({ ...spec, payload: payload.slice(16), fragmentOffset: 16 }),
  ]
}

const one = (name: string, line: string, answer: string, forwards = true, rules = NO_RULES): HostCase => ({
  name,
  rules,
  steps: [[line, answer]],
  forwards,
})

const BROKEN: readonly HostCase[] = [
  one('a wrong checksum of the IP header', arrives(rawPacketWith(10, 0x12)), 'never-seen'),
  one(
    'a packet shorter than it says',
    arrives(changed(udp('10.0.0.99', '10.0.0.1'), 2, 0, 60)),
    'never-seen',
  ),
  one(
    'a packet longer than it says',
    arrives(Uint8Array.from([...udp('10.0.0.99', '10.0.0.1'), 1, 2])),
    'accept',
  ),
  one('IP version 5', arrives(changed(udp('10.0.0.99', '10.0.0.1'), 0, 0x55)), 'never-seen'),
  one('IPv6 from a group', arrives(udp('ff02::9', 'fd00::1')), 'never-seen'),
  one('IPv6 from the loopback', arrives(udp('::1', 'fd00::1')), 'never-seen'),
  one('IPv6 to the loopback', arrives(udp('fd00::99', '::1')), 'never-seen'),
  one('IPv6 to a group of one node', arrives(udp('fd00::99', 'ff01::1')), 'never-seen'),
  one('hop-by-hop: padding', arrives(hopByHop('fd00::1', 1, 4, 0, 0, 0, 0)), 'accept'),
  one('hop-by-hop: padding that is none', arrives(hopByHop('fd00::1', 1, 4, 0, 1, 0, 0)), 'never-seen'),
  one('hop-by-hop: an option to be skipped', arrives(hopByHop('fd00::1', 0x1e, 4, 0, 0, 0, 0)), 'accept'),
  one('hop-by-hop: an option to be feared', arrives(hopByHop('fd00::1', 0x5e, 4, 0, 0, 0, 0)), 'never-seen'),
  one('hop-by-hop: an option past the end', arrives(hopByHop('fd00::1', 0x1e, 9, 0, 0, 0, 0)), 'never-seen'),
]

function rawPacketWith(at: number, value: number): Uint8Array {
  const bytes = udp('10.0.0.99', '10.0.0.1')
  bytes[at] = value
  return bytes
}

const ROUTES: readonly HostCase[] = [
  one('to us', arrives(udp('10.0.0.99', '10.0.0.1')), 'accept'),
  one('to another address of ours', arrives(udp('10.0.0.99', '192.168.7.1')), 'accept'),
  one('to others, by a host that forwards', arrives(udp('10.0.0.99', '10.1.0.9')), 'accept'),
  one('to others, by a host that does not', arrives(udp('10.0.0.99', '10.1.0.9')), 'lost-before-hook', false),
  one('from nobody', arrives(udp('0.0.0.0', '10.0.0.1')), 'lost-before-hook'),
  one('from nobody to all', arrives(udp('0.0.0.0', '255.255.255.255')), 'accept'),
  one('from all', arrives(udp('255.255.255.255', '10.0.0.1')), 'lost-before-hook'),
  one('from a group', arrives(udp('224.0.0.1', '10.0.0.1')), 'lost-before-hook'),
  one('from an address of the reserved class', arrives(udp('240.0.0.1', '10.0.0.1')), 'accept'),
  one('to the network’s broadcast address', arrives(udp('10.0.0.99', '10.0.0.255')), 'accept'),
  one('to all hosts', arrives(udp('10.0.0.99', '224.0.0.1')), 'accept'),
  one('to a group that we are not in', arrives(udp('10.0.0.99', '224.0.0.5')), 'lost-before-hook'),
  one('IPv6 to us', arrives(udp('fd00::99', 'fd00::1')), 'accept'),
  one('IPv6 to all nodes', arrives(udp('fd00::99', 'ff02::1')), 'accept'),
  one('IPv6 to all routers', arrives(udp('fd00::99', 'ff02::2')), 'accept'),
  one(
    'IPv6 to all routers, of which we are none',
    arrives(udp('fd00::99', 'ff02::2')),
    'lost-before-hook',
    false,
  ),
  one('IPv6 to a network’s routers', arrives(udp('fd00::99', 'fd00:1::')), 'accept'),
  one('IPv6 to another group', arrives(udp('fd00::99', 'ff02::5')), 'lost-before-hook'),
  one('IPv6 from nobody onwards', arrives(udp('::', 'fd00:1::9')), 'lost-before-hook'),
  one('IPv6 from a link onwards', arrives(udp('fe80::9', 'fd00:1::9')), 'reject:icmpv6-1/2'),
  one('a TTL of 1 to us', arrives(udp('10.0.0.99', '10.0.0.1', { ttl: 1 })), 'accept'),
  one('a TTL of 1 to others', arrives(udp('10.0.0.99', '10.1.0.9', { ttl: 1 })), 'reject:icmp-11/0'),
  one('a hop limit of 1 to others', arrives(udp('fd00::99', 'fd00:1::9', { ttl: 1 })), 'reject:icmpv6-3/0'),
  one(
    'an ICMP error with a TTL of 1',
    arrives(
      packet({
        source: '10.0.0.99',
        destination: '10.1.0.9',
        protocol: Protocol.icmp,
        payload: Uint8Array.from([3, 1, ...Array<number>(34).fill(0)]),
        ttl: 1,
      }),
    ),
    'lost-before-hook',
  ),
  one(
    'too big to be forwarded whole',
    arrives(changed(udp('10.0.0.99', '10.1.0.9', { payload: datagram(53, 1481) }), 6, 0x40)),
    'reject:icmp-3/4',
  ),
  one(
    'IPv6 too big to be forwarded',
    arrives(udp('fd00::99', 'fd00:1::9', { payload: datagram(53, 1461) })),
    'reject:icmpv6-2/0',
  ),
]

const OPTIONS: readonly HostCase[] = [
  one('options: nothing', arrives(options(1, 1, 1, 0)), 'accept'),
  one('options: a length of 0', arrives(options(7, 0, 0, 0)), 'reject:icmp-12/0'),
  one('options: past the end', arrives(options(7, 5, 4, 0)), 'reject:icmp-12/0'),
  one('options: a route with room', arrives(options(7, 7, 4, 0, 0, 0, 0, 0)), 'accept'),
  one('options: a full route', arrives(options(7, 7, 8, 1, 2, 3, 4, 0)), 'accept'),
  one('options: two routes', arrives(options(7, 3, 4, 7, 3, 4, 0, 0)), 'reject:icmp-12/0'),
  one('options: a time stamp that runs over', arrives(options(68, 4, 5, 0xf0)), 'reject:icmp-12/0'),
  one('options: a router alert', arrives(options(148, 4, 0, 0)), 'accept'),
  one('options: a source route through us', arrives(options(131, 7, 4, 10, 0, 0, 1, 0)), 'accept'),
  one(
    'options: a source route through others',
    arrives(options(131, 7, 4, 10, 1, 0, 9, 0)),
    'lost-before-hook',
    false,
  ),
  {
    name: 'options: a source route changes the destination',
    forwards: true,
    rules:
      'table ip t {\n chain c { type filter hook input priority 0; policy drop; ip daddr 10.1.0.1 mark set 1 accept; }\n}\n',
    steps: [[arrives(options(131, 7, 4, 10, 1, 0, 1, 0)), 'accept 1']],
  },
  {
    name: 'options: a recorded route, and what it does to the checksum',
    forwards: true,
    rules:
      'table ip t {\n chain c { type filter hook input priority 0; policy accept; udp dport 53 ip option rr ptr 8 reject; }\n}\n',
    steps: [[arrives(options(7, 7, 4, 0, 0, 0, 0, 0)), 'drop']],
  },
]

/** Prerouting's chains on both sides of connection tracking say what they see. */
const SIDES = `table inet t {
 chain early { type filter hook prerouting priority -450; udp dport 53 mark set mark | 0x1; }
 chain raw { type filter hook prerouting priority -300; udp dport 53 mark set mark | 0x2; ct state invalid mark set mark | 0x4; }
 chain late { type filter hook prerouting priority -150; ct state new mark set mark | 0x8; ct state untracked mark set mark | 0x10; }
}
`
const [first4, second4] = fragments('10.0.0.99', '10.1.0.9')
const [first6, second6] = fragments('fd00::99', 'fd00::1')
const [local1, local2] = fragments('10.0.0.99', '10.0.0.1')
const FRAGMENTS: readonly HostCase[] = [
  {
    name: 'the sides of connection tracking',
    forwards: true,
    rules: SIDES,
    steps: [[arrives(udp('10.0.0.99', '10.0.0.1')), 'accept f']],
  },
  {
    name: 'fragments are put together between chains',
    forwards: true,
    rules: SIDES,
    steps: [
      [arrives(first4), 'lost-before-hook'],
      [arrives(second4), 'accept f'],
    ],
  },
  {
    name: 'IPv6 fragments too',
    forwards: true,
    rules: SIDES,
    steps: [
      [arrives(second6), 'lost-before-hook'],
      [arrives(first6), 'accept f'],
    ],
  },
  {
    name: 'fragments are forwarded as they are where nobody asks for connections',
    forwards: true,
    rules:
      'table inet t {\n chain c { type filter hook forward priority 0; policy drop; meta length 36 accept; }\n}\n',
    steps: [
      [arrives(first4), 'accept'],
      [arrives(second4), 'accept'],
    ],
  },
  {
    name: 'but not delivered to us, unless they are of IPv6',
    forwards: true,
    rules:
      'table inet t {\n chain c { type filter hook input priority 0; policy drop; meta length { 52, 64 } accept; }\n}\n',
    steps: [
      [arrives(local1), 'lost-before-hook'],
      [arrives(local2), 'accept'],
      [arrives(first6), 'accept'],
      [arrives(second6), 'accept'],
    ],
  },
  {
    name: 'notrack',
    forwards: true,
    rules: SIDES.replace('udp dport 53 mark set mark | 0x2', 'udp dport 53 notrack'),
    steps: [[arrives(udp('10.0.0.99', '10.0.0.1')), 'accept 11']],
  },
  {
    name: 'only the family that asks is tracked',
    forwards: true,
    rules: 'table ip t {\n chain c { ct state new; }\n}\n',
    steps: [
      [arrives(first4), 'lost-before-hook'],
      [arrives(first6), 'accept'],
    ],
  },
]

const CHAINS: readonly HostCase[] = [
  {
    name: 'forward sees the TTL less one, and both interfaces',
    forwards: true,
    rules: `table inet t {
 chain p { type filter hook prerouting priority 0; ip ttl 64 mark set mark | 0x1; oifname != "eth*" mark set mark | 0x2; }
 chain f { type filter hook forward priority 0; ip ttl 63 iifname "eth0" oifname "eth1" mark set mark | 0x4; }
 chain q { type filter hook postrouting priority 0; ip ttl 63 iifname "eth0" oifname "eth1" mark set mark | 0x8; }
}
`,
    steps: [[arrives(udp('10.0.0.99', '10.1.0.9')), 'accept f']],
  },
  {
    name: 'what is sent',
    forwards: true,
    rules: `table inet t {
 chain o { type filter hook output priority 0; meta skuid 0 oifname "eth1" iifname != "eth*" mark set mark | 0x1; }
 chain q { type filter hook postrouting priority 0; oifname "eth1" iifname != "eth*" mark set mark | 0x2; udp dport 54 drop; }
}
`,
    steps: [
      [sends(udp('10.1.0.1', '10.1.0.9')), 'accept 3'],
      [sends(udp('10.1.0.1', '10.0.0.9')), 'accept'],
      [sends(udp('10.1.0.1', '10.1.0.9', { payload: datagram(54) })), 'drop'],
    ],
  },
  {
    name: 'a connection that is dropped is none',
    forwards: true,
    rules: `table inet t {
 chain i { type filter hook input priority 0; ct state established mark set 1; udp dport 54 drop; }
 chain o { type filter hook output priority 0; ct state established mark set 2; }
}
`,
    steps: [
      [arrives(udp('10.0.0.99', '10.0.0.1', { payload: datagram(54) })), 'drop'],
      [arrives(udp('10.0.0.99', '10.0.0.1')), 'accept'],
      [sends(reply(53)), 'accept 2'],
      [sends(reply(54)), 'accept'],
      [arrives(udp('10.0.0.99', '10.0.0.1')), 'accept 1'],
    ],
  },
  {
    name: 'who gets no answer',
    forwards: true,
    rules: `table inet t {
 chain p { type filter hook prerouting priority 0; udp dport 54 reject; }
 chain i { type filter hook input priority 0; reject; }
}
`,
    steps: [
      [arrives(udp('10.0.0.99', '10.0.0.1')), 'reject:icmp-3/3'],
      [arrives(udp('10.0.0.99', '10.0.0.255')), 'drop'],
      [arrives(udp('10.0.0.99', '10.0.0.255', { payload: datagram(54) })), 'reject:icmp-3/3'],
      [arrives(udp('10.0.0.255', '10.0.0.1', { payload: datagram(54) })), 'lost-before-hook'],
      [arrives(udp('10.0.0.1', '10.1.0.9', { payload: datagram(54) })), 'lost-before-hook'],
      [arrives(udp('fd00::99', 'ff02::1')), 'drop'],
    ],
  },
]

function reply(port: number): Uint8Array {
  const payload = datagram(40000)
  new DataView(payload.buffer).setUint16(0, port)
  return udp('10.0.0.1', '10.0.0.99', { payload })
}

export const HOST_CASES: readonly HostCase[] = [...BROKEN, ...ROUTES, ...OPTIONS, ...FRAGMENTS, ...CHAINS]
