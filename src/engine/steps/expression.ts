import { Column, Family, Hook, type Packet } from '../../packet/packet.js'
import type { Expression, Selector } from '../../ruleset/model.js'
import { EXTENSION_HEADERS, IP_OPTIONS, SCTP_CHUNKS, TCP_OPTIONS } from '../../ruleset/options.js'
import { isSelector, selectorInfo } from '../../ruleset/selectors.js'
import { type PartType, typeOf } from '../../ruleset/types.js'
import { widthOf, writeWords } from '../state/sets/words.js'
import { BinaryReader } from './binary.js'
import { connectionReader } from './connection.js'
import type { Context } from './context.js'
import { HashReader, IncrementReader, RandomReader } from './generators.js'
import { MapReader } from './lookup.js'
import { metaReader } from './meta.js'
import {
  findDccpOption,
  findExtensionHeader,
  findIpOption,
  findSctpChunk,
  findTcpOption,
  OptionReader,
  PresenceReader,
  sctpChunkLength,
  tcpOptionLength,
  untilEnd,
} from './options.js'
import { ColumnReader, InnerReader, NetworkReader, TransportReader } from './payload.js'
import type { Reader } from './reader.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const IPV6 = Family.ipv6
const OUTPUT = Hook.output
const { saddr6: SADDR6, daddr6: DADDR6 } = Column
const LINK_LOCAL = 0xfe80 >>> 6

/** Names: interfaces are wanted by their names. */
interface Wanted {
  readonly names?: boolean
}

/** Makes the reader of an expression. `evaluable` has let through only what there is one for. */
export function createReader(expression: Expression, context: Context, wanted: Wanted = {}): Reader {
  if (isSelector(expression)) return selectorReader(expression, context, wanted)
  switch (expression.kind) {
    case 'value':
      return new ConstantReader(BigInt(expression.value))
    case 'flags':
      return new ConstantReader(expression.bits)
    case 'binary': {
      const left = createReader(expression.left, context)
      const right = createReader(expression.right, context)
      const bits = typeOf(expression, context.sets)?.[0]?.bits ?? Math.max(left.bits, right.bits)
      return new BinaryReader(expression.operator, left, right, bits)
    }
    case 'concat':
      return new ConcatReader(expression.parts.map((part) => createReader(part, context)))
    case 'map': {
      const lookup = context.tables.of(expression.map, keyTypes(expression.key, context))
      const key = createKeyReader(expression.key, lookup.parts, context)
      return new MapReader(key, lookup)
    }
    default:
      throw new TypeError(`a ${expression.kind} has no value of its own`)
  }
}

/** The reader of a key of a set, part by part as the set compares them. */
export function createKeyReader(
  key: Expression,
  parts: readonly { readonly bits: number; readonly names: boolean }[],
  context: Context,
): Reader {
  if (key.kind !== 'concat') return createReader(key, context, parts[0]!)
  return new ConcatReader(key.parts.map((part, i) => createReader(part, context, parts[i]!)))
}

/** The types of a key, where the set does not say them. */
export function keyTypes(key: Expression, context: Context): readonly PartType[] {
  return typeOf(key, context.sets) ?? [{ type: 'integer', bits: 32 }]
}

function selectorReader(selector: Selector, context: Context, { names = false }: Wanted): Reader {
  const info = selectorInfo(selector)!
  switch (selector.kind) {
    case 'payload': {
      const { base, offset, bits } = info.field!
      if (base === 'th') return new TransportReader(offset, bits)
      return info.column === undefined
        ? new NetworkReader(offset, bits)
        : new ColumnReader(Column[info.column], bits)
    }
    case 'raw': {
      const { base, offset, length } = selector
      if (base === 'nh') return new NetworkReader(offset, length)
      return base === 'th' ? new TransportReader(offset, length) : new InnerReader(offset, length)
    }
    case 'exthdr': {
      const { number, fields } = EXTENSION_HEADERS[selector.name]!
      if (selector.field === undefined) return new PresenceReader(findExtensionHeader, number)
      const { offset, bits } = fields[selector.field]!
      // Segments are counted from 1.
      const from = offset + ((selector.index ?? 1) - 1) * bits
      return new OptionReader(findExtensionHeader, number, from, bits, untilEnd)
    }
    case 'tcp option': {
      const number = TCP_OPTIONS[selector.name]?.number ?? Number(selector.name)
      if (selector.raw !== undefined) {
        const { offset, length } = selector.raw
        return new OptionReader(findTcpOption, number, offset, length, tcpOptionLength)
      }
      if (selector.field === undefined) return new PresenceReader(findTcpOption, number)
      const { offset, bits } = TCP_OPTIONS[selector.name]!.fields[selector.field]!
      return new OptionReader(findTcpOption, number, offset, bits, tcpOptionLength)
    }
    case 'ip option': {
      const { number, fields } = IP_OPTIONS[selector.name]!
      if (selector.field === undefined) return new PresenceReader(findIpOption, number)
      const { offset, bits } = fields[selector.field]!
      return new OptionReader(findIpOption, number, offset, bits, untilEnd)
    }
    case 'sctp chunk': {
      const { number, fields } = SCTP_CHUNKS[selector.name]!
      if (selector.field === undefined) return new PresenceReader(findSctpChunk, number)
      const { offset, bits } = fields[selector.field]!
      return new OptionReader(findSctpChunk, number, offset, bits, sctpChunkLength)
    }
    case 'dccp option':
      return new PresenceReader(findDccpOption, selector.type)
    case 'meta': {
      const key = names && selector.key === 'iif' ? 'iifname' : selector.key
      const named = names && key === 'oif' ? 'oifname' : key
      if (info.column !== undefined && info.type !== 'ifname')
        return new ColumnReader(Column[info.column], info.bits)
      return metaReader(named, context)!
    }
    case 'ct':
      if (selector.key === 'state') return new ColumnReader(Column.ctState, info.bits)
      return connectionReader(selector.key, selector.direction, context.connections!)!
    case 'fib':
      return new AddressTypeReader(selector.flags, context)
    case 'numgen': {
      const { mode, modulus, offset } = selector
      return mode === 'inc'
        ? new IncrementReader(modulus, offset)
        : new RandomReader(modulus, offset, context.random)
    }
    case 'hash': {
      const of = createReader(selector.of!, context)
      return new HashReader(of, keyTypes(selector.of!, context), selector, context.random)
    }
    default:
      throw new TypeError(`a ${selector.kind} cannot be decided`)
  }
}

/** A number, in as many words as it takes. */
class ConstantReader implements Reader {
  readonly bits: number
  readonly #words: Int32Array

  constructor(value: bigint) {
    this.bits = Math.max(32, Math.ceil(value.toString(2).length / 32) * 32)
    this.#words = new Int32Array(widthOf(this.bits))
    writeWords(value, this.#words.length, this.#words, 0)
  }

  read(_packet: Packet, into: Int32Array, at: number): boolean {
    into.set(this.#words, at)
    return true
  }
}

/** Values one behind the other, each in words of its own. */
class ConcatReader implements Reader {
  readonly bits: number
  readonly #parts: readonly Reader[]

  constructor(parts: readonly Reader[]) {
    this.#parts = parts
    this.bits = parts.reduce((sum, { bits }) => sum + widthOf(bits) * 32, 0)
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    let to = at
    for (let i = 0; i < this.#parts.length; i++) {
      const part = this.#parts[i]!
      if (!part.read(packet, into, to)) return false
      to += widthOf(part.bits)
    }
    return true
  }
}

/** The type of an address: whether it is the host's own, a broadcast … (net/ipv4/netfilter/nft_fib_ipv4.c). */
class AddressTypeReader implements Reader {
  readonly bits = 32
  readonly #which: 'source' | 'destination'
  readonly #column: number
  readonly #input: boolean
  readonly #output: boolean
  readonly #context: Context

  constructor(flags: readonly string[], context: Context) {
    this.#which = flags.includes('saddr') ? 'source' : 'destination'
    this.#column = this.#which === 'source' ? SADDR6 : DADDR6
    this.#input = flags.includes('iif')
    this.#output = flags.includes('oif')
    this.#context = context
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    const asked = this.#input ? packet.iif : this.#output ? packet.oif : 0
    const interfaceIndex = asked === 0 && this.#isLinkLocal(packet) ? linkOf(packet) : asked
    into[at] = this.#context.host!.addressType(packet, this.#which, interfaceIndex)
    return true
  }

  /** IPv6 addresses that are known on a link only are looked up on it (nft_fib6_flowi_init). */
  #isLinkLocal({ family, fields }: Packet): boolean {
    return family === IPV6 && fields[this.#column]! >>> 22 === LINK_LOCAL
  }
}

/** The interface that a packet is at; none yet where it is sent. */
function linkOf({ hook, iif, oif }: Packet): number {
  if (hook === OUTPUT) return 0
  return iif === 0 ? oif : iif
}
