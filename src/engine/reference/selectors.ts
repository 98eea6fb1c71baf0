/** What the packet, or its host, answers to a selector; undefined where it has no answer, which ends the rule. */
import { Hook } from '../../packet/packet.js'
import { PROTOCOL_FIELDS } from '../../ruleset/fields.js'
import type { ExtensionHeader, Fib, Hash, Payload, Selector, TcpOption } from '../../ruleset/model.js'
import {
  EXTENSION_HEADERS,
  IP_OPTIONS,
  type OptionField,
  SCTP_CHUNKS,
  TCP_OPTIONS,
} from '../../ruleset/options.js'
import { ICMP_TYPES, ICMPV6_TYPES } from '../../ruleset/symbols/messages.js'
import { symbolValue } from '../../ruleset/symbols/symbols.js'
import { readConnection } from './connections.js'
import type { Context } from './context.js'
import { findExtension } from './extensions.js'
import { generate } from './generators.js'
import { readMeta } from './meta.js'
import { findIpOption, findSctpChunk, findTcpOption, hasDccpOption } from './options.js'
import { bitsAt, isImplied, isIPv4, isIPv6, load } from './payload.js'

export function read(selector: Exclude<Selector, Hash>, context: Context): bigint | undefined {
  const { packet } = context
  switch (selector.kind) {
    case 'payload':
      return readField(selector, context)
    case 'raw':
      return load(packet, selector.base as 'nh' | 'th' | 'ih', selector.offset, selector.length)
    case 'exthdr':
      return readExtension(selector, context)
    case 'tcp option':
      return readTcpOption(selector, context)
    case 'ip option': {
      const { number, fields } = IP_OPTIONS[selector.name]!
      if (!isIPv4(packet)) return undefined
      const at = findIpOption(packet, number)
      if (selector.field === undefined) return at < 0 ? 0n : 1n
      return at < 0 ? undefined : within(context, at, fields[selector.field]!)
    }
    case 'sctp chunk': {
      const { number, fields } = SCTP_CHUNKS[selector.name]!
      const chunk = findSctpChunk(packet, number)
      if (selector.field === undefined) return chunk === undefined ? 0n : 1n
      const field = fields[selector.field]!
      const isWhole = chunk !== undefined && chunk.at + chunk.length <= packet.end
      return isWhole && endOf(field) <= chunk.length ? within(context, chunk.at, field) : undefined
    }
    case 'dccp option':
      return hasDccpOption(packet, selector.type) ? 1n : 0n
    case 'meta':
      return readMeta(selector, context)
    case 'ct':
      return readConnection(selector, context)
    case 'fib':
      return addressType(selector, context)
    case 'numgen':
      return generate(selector, context)
    default:
      throw new Error(`${selector.kind} is refused before`)
  }
}

function readField({ protocol, field }: Payload, { packet, asked }: Context): bigint | undefined {
  const { base, offset, bits, implies, types } = PROTOCOL_FIELDS[protocol]![field]!
  const isAsked = asked.family || implies.some(({ value }) => value === asked.transport)
  const isOpen = base === 'th' && isAsked
  if (!isImplied(packet, isOpen ? implies.filter(({ column }) => column !== 'nfproto') : implies))
    return undefined
  if (types !== undefined) {
    const type = load(packet, 'th', 0, 8)
    const symbols = protocol === 'icmp' ? ICMP_TYPES : ICMPV6_TYPES
    if (!types.some((name) => BigInt(symbolValue(symbols, name)!) === type)) return undefined
  }
  return load(packet, base as 'nh' | 'th', offset, bits)
}

/** The byte behind a field, counted from the start of its option. */
const endOf = ({ offset, bits }: Pick<OptionField, 'offset' | 'bits'>) => Math.ceil((offset + bits) / 8)

function within({ packet }: Context, at: number, { offset, bits }: OptionField): bigint | undefined {
  return bitsAt(packet, at, offset, bits)
}

/** Bits of one entry of a list of addresses, which are counted from 1. */
const ADDRESS_BITS = 128

function readExtension({ name, field, index = 1 }: ExtensionHeader, context: Context): bigint | undefined {
  if (!isIPv6(context.packet)) return undefined
  const { number, fields } = EXTENSION_HEADERS[name]!
  const at = findExtension(context.packet, number)
  if (field === undefined) return at < 0 ? 0n : 1n
  if (at < 0) return undefined
  const place = fields[field]!
  return within(context, at, { ...place, offset: place.offset + (index - 1) * ADDRESS_BITS })
}

/** A name that is none of ours is the number of a kind. */
function readTcpOption({ name, field, raw }: TcpOption, context: Context): bigint | undefined {
  const known = Object.hasOwn(TCP_OPTIONS, name) ? TCP_OPTIONS[name]! : undefined
  const option = findTcpOption(context.packet, known?.number ?? Number(name))
  if (field === undefined && raw === undefined) return option === undefined ? 0n : 1n
  const place: OptionField =
    raw === undefined ? known!.fields[field!]! : { type: 'integer', offset: raw.offset, bits: raw.length }
  if (option === undefined || endOf(place) > option.length) return undefined
  return within(context, option.at, place)
}

function addressType({ flags }: Fib, { packet, environment }: Context): bigint {
  const which = flags.includes('saddr') ? 'source' : 'destination'
  const at = packet.network + (which === 'source' ? 8 : 24)
  // What is known on a link only is looked up on it (nft_fib6_flowi_init).
  const isLinkLocal = isIPv6(packet) && (packet.view.getUint16(at) & 0xffc0) === 0xfe80
  const link = packet.hook === Hook.output ? 0 : packet.iif || packet.oif
  const asked = flags.includes('iif') ? packet.iif : flags.includes('oif') ? packet.oif : 0
  return BigInt(environment.host!.addressType(packet, which, asked || (isLinkLocal ? link : 0)))
}
