/** Random packets for xtables' matches: whole headers of many protocols, options and extension headers, some cut short. */
import fc from 'fast-check'
import { IPV4, IPV6, PORTS } from './arbitrary.js'
import { addressBytes } from './packets.js'
import type { XtablesFamily } from './xtables-arbitrary.js'

const port = fc.constantFrom(...PORTS, 40000)
const text = fc
  .array(fc.constantFrom('a', 'b', 'A', 'B', 'aab', 'abab', '\u00e0', '\u00c0', '\u00ff', '\0'), {
    maxLength: 12,
  })
  .map((all) => bytesOf(all.join('')))

function bytesOf(latin1: string): number[] {
  return Array.from(latin1, (character) => character.charCodeAt(0) & 0xff)
}

const word = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff]

const tcpOptions = fc.array(
  fc.constantFrom(
    [2, 4, 5, 0xb4],
    [2, 4, 2, 0x18],
    [1],
    [1],
    [4, 2],
    [3, 3, 7],
    [8, 10, 0, 0, 0, 0, 0, 0, 0, 0],
    [0],
    [2, 3, 9],
    [254, 0],
  ),
  { maxLength: 4 },
)

const tcp = fc
  .tuple(
    port,
    port,
    fc.constantFrom(2, 0x12, 0x10, 0x18, 0x11, 4, 0, 0x29, 0xc2, 0x42, 0x90),
    tcpOptions,
    text,
    fc.constantFrom(0, 0, 0, 0, -1, 1, -9),
  )
  .map(([sport, dport, flags, options, data, wrong]) => {
    const all = options.flat().slice(0, 40)
    while (all.length % 4 !== 0) all.push(0)
    const words = Math.max(0, Math.min(15, 5 + all.length / 4 + wrong))
    return [
      ...word(sport),
      ...word(dport),
      0,
      0,
      0,
      1,
      0,
      0,
      0,
      0,
      words << 4,
      flags,
      255,
      255,
      0,
      0,
      0,
      0,
      ...all,
      ...data,
    ]
  })
const udp = fc
  .tuple(port, port, text)
  .map(([sport, dport, data]) => [...word(sport), ...word(dport), ...word(8 + data.length), 0, 0, ...data])
const icmp = fc
  .tuple(fc.constantFrom(8, 0, 3, 128, 129, 1, 13), fc.constantFrom(0, 0, 1, 3), text)
  .map(([type, code, data]) => [type, code, 0, 0, 0, 1, 0, 1, ...data])
const chunk = fc
  .tuple(fc.constantFrom(0, 1, 2, 3, 6, 7), fc.nat(3), fc.constantFrom(4, 4, 5, 8, 12, 0, 3))
  .map(([type, flags, length]) => [
    type,
    flags,
    ...word(length),
    ...Array<number>(Math.max(0, ((length + 3) & ~3) - 4)).fill(0),
  ])
const sctp = fc
  .tuple(port, port, fc.array(chunk, { maxLength: 4 }))
  .map(([sport, dport, chunks]) => [...word(sport), ...word(dport), 0, 0, 0, 0, 0, 0, 0, 0, ...chunks.flat()])
const dccp = fc
  .tuple(
    port,
    port,
    fc.nat(15),
    fc.boolean(),
    fc.constantFrom(3, 4, 5, 7, 8),
    fc.array(fc.constantFrom([1], [2], [32, 3, 0], [33, 2], [0]), { maxLength: 4 }),
  )
  .map(([sport, dport, type, long, words, options]) => {
    const header = [...word(sport), ...word(dport), words, 0, 0, 0, (type << 1) | (long ? 1 : 0), 0, 0, 0]
    return [...header, ...Array<number>(16).fill(0), ...options.flat()]
  })
const spi = fc.constantFrom([0, 0, 0, 0], [0, 0, 1, 0], [0x61, 0x62, 0x61, 0x62], [255, 255, 255, 255])
const esp = fc.tuple(spi, text).map(([spi, data]) => [...spi, 0, 0, 0, 1, ...data])
const ah = fc
  .tuple(spi, fc.constantFrom(0, 1), fc.constantFrom(1, 4, 2))
  .map(([spi, reserved, length]) => [
    59,
    length,
    0,
    reserved,
    ...spi,
    0,
    0,
    0,
    1,
    ...Array<number>(length * 4 - 4).fill(0),
  ])
const mobility = fc
  .tuple(fc.constantFrom(59, 59, 6), fc.nat(6))
  .map(([next, type]) => [next, 0, type, 0, 0, 0, 0, 0])

const TRANSPORTS: Readonly<Record<number, fc.Arbitrary<number[]>>> = {
  1: icmp,
  6: tcp,
  17: udp,
  33: dccp,
  50: esp,
  51: ah,
  58: icmp,
  132: sctp,
  135: mobility,
  59: fc.constant([]),
  253: text,
}

/** An extension header without its first byte, by its number. */
const address6 = fc.constantFrom(...IPV6).map((address) => [...addressBytes(address)])
const option = fc.constantFrom([0], [1, 0], [1, 4, 0, 0, 0, 0], [5, 2, 0, 0], [1, 2, 0, 0], [12, 0])
const optionsHeader = fc.array(option, { maxLength: 4 }).map((options) => {
  const all = options.flat()
  while ((all.length + 2) % 8 !== 0) all.push(0)
  return [(all.length + 2) / 8 - 1, ...all]
})
const routingHeader = fc
  .tuple(
    fc.constantFrom(0, 2, 4, 4),
    fc.nat(3),
    fc.array(address6, { maxLength: 3 }),
    fc.constantFrom(0, 0, 1),
    fc.nat(3),
  )
  .map(([type, left, addresses, wrong, last]) => [
    addresses.length * 2 + wrong,
    type,
    left,
    type === 4 ? last : wrong,
    0,
    0,
    0,
    ...addresses.flat(),
  ])
const fragmentHeader = fc
  .tuple(fc.constantFrom(0, 0, 1, 6, 8, 1480), fc.boolean(), fc.constantFrom(0, 1), fc.constantFrom(0, 1))
  .map(([offset, more, reserved, id]) => [reserved, ...word(offset | (more ? 1 : 0)), 0, 0, 0, id])
const authentication = ah.map(([, ...rest]) => rest)
const EXTENSIONS: Readonly<Record<number, fc.Arbitrary<number[]>>> = {
  0: optionsHeader,
  43: routingHeader,
  44: fragmentHeader,
  51: authentication,
  60: optionsHeader,
}

const ttl = fc.constantFrom(64, 64, 63, 65, 1, 2, 254, 255)
const trafficClass = fc.constantFrom(0, 0, 1, 2, 3, 8, 0x10, 0xb8, 0xff)

function protocolAnd(family: XtablesFamily): fc.Arbitrary<[protocol: number, header: number[]]> {
  const protocols =
    family === 'ip'
      ? [1, 6, 6, 6, 17, 17, 33, 50, 51, 132, 253]
      : [58, 6, 6, 6, 17, 17, 33, 50, 132, 135, 59, 253]
  return fc
    .constantFrom(...protocols)
    .chain((protocol) => TRANSPORTS[protocol]!.map((header): [number, number[]] => [protocol, header]))
}

const ipv4 = fc
  .tuple(
    protocolAnd('ip'),
    fc.constantFrom(...IPV4),
    fc.constantFrom(...IPV4),
    ttl,
    trafficClass,
    fc.constantFrom(0, 0, 0, 4),
  )
  .map(([[protocol, header], source, destination, ttl, tos, options]) => {
    const length = 20 + options
    const bytes = [
      0x40 | (length / 4),
      tos,
      ...word(length + header.length),
      0,
      0,
      0,
      0,
      ttl,
      protocol,
      0,
      0,
      ...addressBytes(source),
      ...addressBytes(destination),
      ...Array<number>(options).fill(1),
    ]
    return [...bytes, ...header]
  })

const ipv6 = fc
  .tuple(
    protocolAnd('ip6'),
    fc.constantFrom(...IPV6),
    fc.constantFrom(...IPV6),
    ttl,
    trafficClass,
    fc.array(fc.constantFrom(43, 44, 51, 60, 60), { maxLength: 3 }),
    fc.constantFrom(false, false, false, true),
  )
  .chain(([[protocol, header], source, destination, ttl, tos, extensions, first]) => {
    const chain = extensions.length > 0 && first ? [0, ...extensions] : extensions
    return fc.tuple(...chain.map((kind) => EXTENSIONS[kind]!)).map((bodies) => {
      const all = bodies.flatMap((body, i) => [chain[i + 1] ?? protocol, ...body])
      return [
        0x60 | (tos >> 4),
        (tos & 15) << 4,
        0,
        0,
        ...word(all.length + header.length),
        chain[0] ?? protocol,
        ttl,
        ...addressBytes(source),
        ...addressBytes(destination),
        ...all,
        ...header,
      ]
    })
  })

/** Packets that the kernel takes up: their lengths and IPv4's header checksum are right, whatever else is cut or wrong. */
export function xtablesPacket(family: XtablesFamily): fc.Arbitrary<Uint8Array> {
  const whole = family === 'ip' ? ipv4 : ipv6
  return fc
    .tuple(
      whole,
      fc.option(fc.nat(), { nil: undefined, freq: 5 }),
      fc.option(fc.tuple(fc.nat(), fc.nat(255)), { nil: undefined, freq: 12 }),
    )
    .map(([all, cut, change]) => {
      const fixed = family === 'ip' ? (all[0]! & 15) * 4 : 40
      const bytes = Uint8Array.from(
        cut === undefined ? all : all.slice(0, fixed + (cut % (all.length - fixed + 1))),
      )
      if (change !== undefined && bytes.length > fixed)
        bytes[fixed + (change[0] % (bytes.length - fixed))] = change[1]
      const view = new DataView(bytes.buffer)
      if (family === 'ip6') view.setUint16(4, bytes.length - fixed)
      else {
        view.setUint16(2, bytes.length)
        view.setUint16(10, 0)
        view.setUint16(10, checksum(view, fixed))
      }
      return bytes
    })
}

function checksum(view: DataView, length: number): number {
  let sum = 0
  for (let at = 0; at < length; at += 2) sum += view.getUint16(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
