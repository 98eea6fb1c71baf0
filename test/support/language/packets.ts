/**
 * Random packets of every kind that rules can tell apart, with the values that rules are made of: right checksums unless they
 * are meant to be wrong, options, extension headers, fragments, chunks, and some of them mangled.
 */
import fc from 'fast-check'
import { addressBytes } from '../packets.js'
import { ADDRESSES4, ADDRESSES6, PORTS } from './values.js'

export interface PacketOptions {
  /** Addresses that packets come from and go to, of both families. */
  readonly sources?: readonly string[]
  readonly destinations?: readonly string[]
  /** Some packets are cut, changed, or fragments. */
  readonly broken?: boolean
  readonly fragments?: boolean
}

type Bytes = readonly number[]

const word = (value: number): Bytes => [(value >>> 8) & 255, value & 255]
const long = (value: number): Bytes => [...word(value >>> 16), ...word(value)]

/** The Internet checksum (RFC 1071) of bytes. */
export function checksum(bytes: Bytes): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

interface Segment {
  readonly protocol: number
  readonly bytes: Bytes
  /** Where its checksum belongs, and whether that covers the addresses as well. */
  readonly sum?: number
  readonly pseudo?: boolean
}

const port = fc.constantFrom(...PORTS)
const payload = fc.oneof(
  fc.constant<Bytes>([]),
  fc.array(fc.nat(255), { minLength: 1, maxLength: 40 }) as fc.Arbitrary<Bytes>,
)

const tcpOption: fc.Arbitrary<Bytes> = fc.oneof(
  fc.constantFrom<Bytes>(
    [1],
    [1],
    [0],
    [4, 2],
    [3, 3, 7],
    [34, 4, 1, 2],
    [30, 4, 0x10, 0],
    [254, 0],
    [254, 200],
  ),
  fc.constantFrom(1280, 1460, 40, 65535).map((size): Bytes => [2, 4, ...word(size)]),
  fc
    .tuple(fc.nat(3), fc.integer())
    .map(
      ([blocks, start]): Bytes => [
        5,
        2 + 8 * (blocks + 1),
        ...Array.from({ length: blocks + 1 }, (_, i) => [
          ...long(start + i * 20),
          ...long(start + i * 20 + 8),
        ]).flat(),
      ],
    ),
  fc.tuple(fc.integer(), fc.integer()).map(([value, echo]): Bytes => [8, 10, ...long(value), ...long(echo)]),
  fc.constant<Bytes>([19, 18, ...Array<number>(16).fill(7)]),
)

const MOST_TCP_OPTIONS = 40

const tcp: fc.Arbitrary<Segment> = fc
  .record({
    sport: port,
    dport: port,
    sequence: fc.constantFrom(0, 1, 1000, 0xffffffff),
    ack: fc.constantFrom(0, 1, 0xffffffff),
    flags: fc.constantFrom(2, 2, 0x12, 0x10, 0x18, 0x11, 4, 0x14, 0, 1, 0x29, 0xc2, 0xff),
    window: fc.constantFrom(0, 5, 1460, 65535),
    options: fc.array(tcpOption, { maxLength: 3 }),
    payload,
  })
  .map(({ sport, dport, sequence, ack, flags, window, options, payload }): Segment => {
    const all = options.flat()
    const padded = all.length > MOST_TCP_OPTIONS ? [] : [...all, ...Array<number>(-all.length & 3).fill(0)]
    return {
      protocol: 6,
      bytes: [
        ...word(sport),
        ...word(dport),
        ...long(sequence),
        ...long(ack),
        (5 + padded.length / 4) << 4,
        flags,
        ...word(window),
        ...word(0),
        ...word(5),
        ...padded,
        ...payload,
      ],
      sum: 16,
      pseudo: true,
    }
  })

const datagram = (protocol: number): fc.Arbitrary<Segment> =>
  fc.tuple(port, port, payload).map(([sport, dport, payload]) => ({
    protocol,
    bytes: [...word(sport), ...word(dport), ...word(8 + payload.length), ...word(0), ...payload],
    sum: 6,
    pseudo: true,
  }))

const message = (protocol: number, types: readonly number[], pseudo: boolean): fc.Arbitrary<Segment> =>
  fc
    .tuple(fc.constantFrom(...types), fc.nat(4), fc.constantFrom(0, 1, 5, 0x05000000, 0xffffffff), payload)
    .map(([type, code, rest, payload]) => ({
      protocol,
      bytes: [type, code, 0, 0, ...long(rest), ...payload],
      sum: 2,
      pseudo,
    }))

const chunk: fc.Arbitrary<Bytes> = fc
  .tuple(
    fc.constantFrom(0, 1, 2, 3, 6, 10, 13, 192, 193),
    fc.nat(3),
    fc.constantFrom(0, 4, 16, 20),
    fc.nat(9),
  )
  .map(([type, flags, length, odd]) => [
    type,
    flags,
    ...word(odd === 0 ? 200 : 4 + length),
    ...Array.from({ length }, (_, i) => (i * 5) & 255),
  ])

const sctp: fc.Arbitrary<Segment> = fc
  .tuple(port, port, fc.constantFrom(0, 1, 0xffffffff), fc.array(chunk, { maxLength: 3 }))
  .map(([sport, dport, tag, chunks]) => ({
    protocol: 132,
    bytes: [...word(sport), ...word(dport), ...long(tag), ...long(0), ...chunks.flat()],
  }))

const dccp: fc.Arbitrary<Segment> = fc
  .tuple(
    port,
    port,
    fc.integer({ min: 0, max: 9 }),
    fc.boolean(),
    fc.constantFrom<Bytes>([], [38, 4, 0, 0], [0, 1, 38, 3]),
  )
  .map(([sport, dport, type, extended, options]) => {
    const header = (extended ? 16 : 12) + [4, 12, 0, 8, 8, 8, 8, 12, 8, 8][type]!
    const body = Array<number>(header - 12).fill(0)
    const bytes = [
      ...word(sport),
      ...word(dport),
      (header + options.length) >> 2,
      0,
      ...word(0),
      (type << 1) | (extended ? 1 : 0),
      ...[0, 0, 1],
      ...body,
      ...options,
      ...Array<number>(-options.length & 3).fill(0),
    ]
    return { protocol: 33, bytes }
  })

/** Headers without ports: AH, ESP, IPcomp, GRE and protocols that nobody knows. */
const plain: fc.Arbitrary<Segment> = fc
  .tuple(fc.constantFrom(50, 51, 108, 47, 4, 89, 253), fc.array(fc.nat(255), { maxLength: 24 }))
  .map(([protocol, bytes]) => ({ protocol, bytes: protocol === 51 ? [6, 1, 0, 0, ...bytes] : bytes }))

const ipOption: fc.Arbitrary<Bytes> = fc.constantFrom<Bytes>(
  [1],
  [7, 7, 4, 0, 0, 0, 0],
  [148, 4, 0, 0],
  [148, 4, 0, 5],
  [131, 7, 4, 10, 0, 0, 1],
  [68, 8, 5, 0, 0, 0, 0, 0],
  [7, 2],
)

const extension: fc.Arbitrary<{ number: number; bytes: Bytes }> = fc.constantFrom(
  { number: 0, bytes: [0, 0, 1, 4, 0, 0, 0, 0] },
  { number: 60, bytes: [0, 0, 1, 4, 0, 0, 0, 0] },
  { number: 60, bytes: [0, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] },
  { number: 43, bytes: [0, 0, 0, 0, 0, 0, 0, 0] },
  { number: 43, bytes: [0, 2, 2, 1, 0, 0, 0, 0, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7] },
  { number: 43, bytes: [0, 2, 4, 0, 0, 5, 0, 40, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9] },
  { number: 135, bytes: [59, 0, 5, 0, 0, 0, 0, 0] },
)

interface Ip {
  readonly source: string
  readonly destination: string
  readonly ttl: number
  readonly tos: number
  readonly id: number
  /** The 16 bits of flags and fragment offset, and of a fragment header in IPv6. */
  readonly fragment: number | undefined
  readonly options: readonly Bytes[]
  readonly extensions: readonly { number: number; bytes: Bytes }[]
  readonly wrongSum: boolean
}

function withSum({ bytes, sum, pseudo, protocol }: Segment, { source, destination, wrongSum }: Ip): Bytes {
  if (sum === undefined) return bytes
  const ends = [
    ...addressBytes(source),
    ...addressBytes(destination),
    ...long(bytes.length),
    ...long(protocol),
  ]
  const right = checksum([...(pseudo ? ends : []), ...bytes])
  const value = wrongSum ? right ^ 0x0101 : right
  return [...bytes.slice(0, sum), ...word(value), ...bytes.slice(sum + 2)]
}

function ipv4(ip: Ip, segment: Segment): Bytes {
  const all = ip.options.flat()
  const options = [...all, ...Array<number>(-all.length & 3).fill(0)]
  const body = withSum(segment, ip)
  const length = 20 + options.length
  const header = [
    0x40 | (length / 4),
    ip.tos,
    ...word(length + body.length),
    ...word(ip.id),
    ...word(ip.fragment ?? 0),
    ip.ttl,
    segment.protocol,
    ...word(0),
    ...addressBytes(ip.source),
    ...addressBytes(ip.destination),
    ...options,
  ]
  const sum = checksum(header)
  return [...header.slice(0, 10), ...word(sum), ...header.slice(12), ...body]
}

function ipv6(ip: Ip, segment: Segment): Bytes {
  const fragment =
    ip.fragment === undefined ? [] : [{ number: 44, bytes: [0, 0, ...word(ip.fragment), ...long(ip.id)] }]
  const chain = [...ip.extensions, ...fragment]
  const next = [...chain.map(({ number }) => number), segment.protocol]
  const headers = chain.flatMap(({ bytes }, i) => [next[i + 1]!, ...bytes.slice(1)])
  const body = withSum(segment, ip)
  return [
    0x60 | (ip.tos >> 4),
    (ip.tos & 15) << 4,
    ...word(ip.id & 5),
    ...word(headers.length + body.length),
    next[0]!,
    ip.ttl,
    ...addressBytes(ip.source),
    ...addressBytes(ip.destination),
    ...headers,
    ...body,
  ]
}

const SEGMENTS4 = [message(1, [8, 0, 3, 5, 11, 13], false), message(2, [0x11, 0x16], false)]
const SEGMENTS6 = [message(58, [128, 129, 1, 2, 4, 135, 136, 137], true)]

const isIPv6 = (address: string) => address.includes(':')

/** The bytes of a packet from its IP header on. */
export function packets(options: PacketOptions = {}): fc.Arbitrary<Uint8Array> {
  const { broken = true, fragments = true } = options
  const { sources = [...ADDRESSES4, ...ADDRESSES6], destinations = sources } = options
  const rarely = <T>(arbitrary: fc.Arbitrary<T>, instead: T) =>
    fc.oneof({ weight: 7, arbitrary: fc.constant(instead) }, arbitrary)
  const ip = fc.constantFrom(...sources).chain((source) =>
    fc.record({
      source: fc.constant(source),
      destination: fc.constantFrom(...destinations.filter((one) => isIPv6(one) === isIPv6(source))),
      ttl: fc.constantFrom(64, 64, 1, 2, 255),
      tos: fc.constantFrom(0, 0, 0x28, 0xb8, 3),
      id: fc.constantFrom(0, 1, 5, 0xffff),
      fragment: fragments
        ? rarely(
            fc.constantFrom(
              isIPv6(source) ? 1 : 0x2000,
              isIPv6(source) ? 40 : 5,
              isIPv6(source) ? 0 : 0x4000,
            ),
            undefined,
          )
        : fc.constant(undefined),
      options: rarely(fc.array(ipOption, { minLength: 1, maxLength: 3 }), []),
      extensions: rarely(fc.array(extension, { minLength: 1, maxLength: 2 }), []),
      wrongSum: broken ? rarely(fc.constant(true), false) : fc.constant(false),
    }),
  )
  return ip
    .chain((ip) =>
      fc
        .oneof(
          { weight: 5, arbitrary: tcp },
          { weight: 3, arbitrary: datagram(17) },
          datagram(136),
          sctp,
          dccp,
          plain,
          ...(isIPv6(ip.source) ? SEGMENTS6 : SEGMENTS4).map((arbitrary) => ({ weight: 2, arbitrary })),
        )
        .map((segment) => Uint8Array.from(isIPv6(ip.source) ? ipv6(ip, segment) : ipv4(ip, segment))),
    )
    .chain((bytes) => (broken ? mangled(bytes) : fc.constant(bytes)))
}

/** Once in a while, with a byte changed or cut short: in its header as well, so that it stays a packet. */
function mangled(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const cut = fc
    .integer({ min: 20, max: Math.max(20, bytes.length) })
    .map((length) => shortened(bytes, length))
  const changed = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)).map(([at, value]) => {
    const copy = bytes.slice()
    copy[at] = value
    return copy
  })
  return fc.oneof({ weight: 12, arbitrary: fc.constant(bytes) }, cut, changed)
}

function shortened(bytes: Uint8Array, length: number): Uint8Array {
  const copy = bytes.slice(0, length)
  const view = new DataView(copy.buffer)
  if (copy[0]! >> 4 === 6) {
    if (length >= 40) view.setUint16(4, length - 40)
    return copy
  }
  const header = (copy[0]! & 15) * 4
  if (length < header) return copy
  view.setUint16(2, length)
  view.setUint16(10, 0)
  view.setUint16(10, checksum([...copy.slice(0, header)]))
  return copy
}
