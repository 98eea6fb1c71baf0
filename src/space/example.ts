/** Packets of points, as bytes that an engine can judge. */

import { formatAddress } from '../packet/address.js'
import { addWords, fold } from '../packet/checksum.js'
import { CtState, Hook, type HookName, Packet } from '../packet/packet.js'
import type { Statement } from '../ruleset/model.js'
import { selectorInfo } from '../ruleset/selectors.js'
import { formatValue, valueName } from '../ruleset/values.js'
import type { Point } from './boxes.js'
import { type Field, type FieldName, type Fields, STATES, type Version } from './fields.js'

/** What must hold of a state beside the packet: that a limit lets it pass, or a set holds its source. */
export interface Assumption {
  readonly statement: Statement
  readonly holds: boolean
}

/** A packet, with what its source tells of it. */
export interface Example {
  readonly hook: HookName
  readonly family: Version
  /** From the IP header on; checksums are right. */
  readonly bytes: Uint8Array
  /** Names of interfaces, '' for none. */
  readonly iifname: string
  readonly oifname: string
  /** 32 bits, unsigned. */
  readonly mark: number
  /** A bit of CtState. */
  readonly ctState: number
  /** `tcp 198.51.100.7:40000 > 10.0.0.1:11434 new in eth0`. */
  readonly text: string
  readonly assumes: readonly Assumption[]
}

const TCP = 6
const UDP = 17
const ICMP = 1
const ICMPV6 = 58
const HOP_BY_HOP = 0
const FLAGS = 13
/** Bytes of the transport headers that are written; of other protocols, as many as UDP has. */
const LENGTHS: Readonly<Record<number, number>> = { [TCP]: 20, [ICMP]: 10, [ICMPV6]: 10 }
const LENGTH = 8
/**
 * Where the word stands that makes the checksum right. Of ICMP it is behind the header: its checksum stands where others
 * have the destination port, which rules may ask for.
 */
const CHECKSUMS: Readonly<Record<number, number>> = { [TCP]: 16, [UDP]: 6, [ICMP]: 8, [ICMPV6]: 8 }

/** A point as a packet. Matters: variables that the outcome hangs on, of which answers become assumptions. */
export function exampleOf(
  point: Point,
  hook: HookName,
  family: Version,
  fields: Fields,
  matters: ReadonlySet<number>,
): Example {
  const number = (name: FieldName) => numberOf(fields.field(name), point)
  const name = (value: bigint) =>
    Buffer.from(value.toString(16).padStart(32, '0'), 'hex').toString('latin1').replace(/\0.*$/s, '')
  const [iifname, oifname] = [name(number('iifname')), name(number('oifname'))]
  const state = STATES[Number(number('ctState'))]!
  const bytes = bytesOf(point, family, fields)
  const where = [iifname === '' ? '' : ` in ${iifname}`, oifname === '' ? '' : ` out ${oifname}`].join('')
  const mark = Number(number('mark'))
  const marked = mark === 0 ? '' : ` mark 0x${mark.toString(16)}`
  return {
    hook,
    family,
    bytes,
    iifname,
    oifname,
    mark,
    ctState: CtState[state],
    text: `${headerText(point, family, fields)} ${state}${where}${marked}`,
    assumes: fields.opaque
      .filter(({ variable }) => matters.has(variable))
      .map(({ variable, statement }) => ({ statement, holds: point.get(variable) ?? false })),
  }
}

function numberOf({ bits }: Field, point: Point): bigint {
  return bits.reduce((value, bit) => value * 2n + BigInt(point.get(bit) ?? false), 0n)
}

function headerText(point: Point, family: Version, fields: Fields): string {
  const value = (name: FieldName) => numberOf(fields.field(name), point)
  const isThere = (name: FieldName) => fields.field(name).presence.every((variable) => point.get(variable))
  const address = (name: 'saddr' | 'daddr') =>
    formatAddress(
      family === 'ip' ? { bits: 32, value: value(`${name}4`) } : { bits: 128, value: value(`${name}6`) },
    )
  const [from, to] = [address('saddr'), address('daddr')]
  if (!isThere('l4proto')) return `cut short ${from} > ${to}`
  const number = Number(value('l4proto'))
  const protocol = valueName(BigInt(number), 'inet_proto') ?? `protocol ${number}`
  if (number === ICMP || number === ICMPV6) {
    const type = formatValue(value('sport') >> 8n, number === ICMP ? 'icmp_type' : 'icmpv6_type')
    return `${protocol} ${isThere('sport') ? type : 'cut short'} ${from} > ${to}`
  }
  if (!isThere('dport')) return `${protocol} without ports ${from} > ${to}`
  const port = (host: string, name: FieldName) =>
    family === 'ip' ? `${host}:${value(name)}` : `[${host}]:${value(name)}`
  return `${protocol} ${port(from, 'sport')} > ${port(to, 'dport')}`
}

function bytesOf(point: Point, family: Version, fields: Fields): Uint8Array {
  const value = (name: FieldName) => numberOf(fields.field(name), point)
  const protocol = Number(value('l4proto'))
  const header = family === 'ip' ? 20 : 40
  const bytes = new Uint8Array(header + transportLength(point, protocol, fields))
  const view = new DataView(bytes.buffer)
  const isBroken = family === 'ip6' && !point.get(fields.field('l4proto').presence[0]!)
  if (family === 'ip') {
    view.setUint16(0, 0x4500)
    view.setUint16(2, bytes.length)
    view.setUint16(8, (64 << 8) | protocol)
  } else {
    view.setUint32(0, 0x6000_0000)
    view.setUint16(4, bytes.length - header)
    view.setUint16(6, ((isBroken ? HOP_BY_HOP : protocol) << 8) | 64)
  }
  const transport = new Uint8Array(LENGTHS[TCP]!)
  const transportView = new DataView(transport.buffer)
  transportView.setUint16(0, Number(value('sport')))
  transportView.setUint16(2, Number(value('dport')))
  if (protocol === TCP) transportView.setUint16(12, 0x5000 | Number(value('tcpFlags')))
  if (protocol === UDP) transportView.setUint16(4, LENGTH)
  bytes.set(transport.subarray(0, bytes.length - header), header)
  const [source, destination] = family === 'ip' ? [12, 16] : [8, 24]
  write(bytes, source * 8, valueBits(family === 'ip' ? 'saddr4' : 'saddr6', point, fields))
  write(bytes, destination * 8, valueBits(family === 'ip' ? 'daddr4' : 'daddr6', point, fields))
  for (const field of fields.all) writeOther(bytes, header, field, point)
  if (family === 'ip') view.setUint16(10, ~fold(addWords(view, 0, header, 0)) & 0xffff)
  writeChecksum(view, family, header, protocol)
  return bytes
}

/** As many bytes of the transport header as a point says that there are. */
function transportLength(point: Point, protocol: number, fields: Fields): number {
  const isThere = (name: FieldName, which = 0) => point.get(fields.field(name).presence[which]!)
  if (!isThere('l4proto') || !isThere('sport')) return 0
  if (!isThere('sport', 1)) return 1
  if (!isThere('dport')) return 2
  if (protocol === TCP && !isThere('tcpFlags')) return FLAGS
  return LENGTHS[protocol] ?? LENGTH
}

function valueBits(name: FieldName, point: Point, fields: Fields): boolean[] {
  return fields.field(name).bits.map((bit) => point.get(bit) ?? false)
}

/** Writes bits from a place on. */
function write(bytes: Uint8Array, offset: number, bits: readonly boolean[]): void {
  for (const [i, bit] of bits.entries()) {
    const at = (offset + i) >> 3
    const mask = 0x80 >> ((offset + i) & 7)
    if (at < bytes.length) bytes[at] = bit ? bytes[at]! | mask : bytes[at]! & ~mask
  }
}

/** Fields that are asked for by the way; what makes a packet what it is stays. */
function writeOther(bytes: Uint8Array, header: number, { selector, bits }: Field, point: Point): void {
  if (selector?.kind !== 'payload' || KEPT.has(selector.field)) return
  const field = selectorInfo(selector)?.field
  if (field === undefined || field.base === 'll') return
  const base = field.base === 'nh' ? 0 : header
  write(
    bytes,
    base * 8 + field.offset,
    bits.map((bit) => point.get(bit) ?? false),
  )
}

const KEPT: ReadonlySet<string> = new Set([
  'version',
  'hdrlength',
  'doff',
  'length',
  'checksum',
  'nexthdr',
  'frag-off',
])

function writeChecksum(view: DataView, family: Version, header: number, protocol: number): void {
  const at = CHECKSUMS[protocol]
  if (at === undefined || header + at + 2 > view.byteLength) return
  view.setUint16(header + at, 0)
  const length = view.byteLength - header
  const isBare = protocol === ICMP
  const pseudo = isBare ? 0 : addWords(view, family === 'ip' ? 12 : 8, header, 0) + protocol + length
  const sum = ~fold(addWords(view, header, view.byteLength, pseudo)) & 0xffff
  view.setUint16(header + at, sum === 0 ? 0xffff : sum)
}

/** The packet of an example, ready to be judged. Interfaces: the index that the engine knows a name by. */
export function packetOf(example: Example, indexOf: (name: string) => number): Packet {
  const packet = new Packet()
  packet.attach(example.bytes)
  packet.parse(0, example.bytes.length)
  packet.hook = Hook[example.hook]
  packet.iif = example.iifname === '' ? 0 : indexOf(example.iifname)
  packet.oif = example.oifname === '' ? 0 : indexOf(example.oifname)
  packet.mark = example.mark
  packet.ctState = example.ctState
  return packet
}
