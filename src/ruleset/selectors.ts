/** What a packet can be asked for: each selector's size, datatype, place, and the matches that it implies. */
import { type ColumnName, Family } from '../packet/packet.js'
import type { DataType } from './datatypes.js'
import { typeInfo } from './datatypes.js'
import type { Expression, Selector } from './expressions.js'
import { type Field, type Implied, PROTOCOL_FIELDS } from './fields.js'
import { CT_KEYS, type Key, META_KEYS, PRINTED_BARE, RT_KEYS, SOCKET_KEYS } from './keys.js'
import type { TableFamily } from './model.js'
import { EXTENSION_HEADERS, IP_OPTIONS, type OptionInfo, SCTP_CHUNKS, TCP_OPTIONS } from './options.js'

export type { Implied } from './fields.js'

/** Bytes of a header: where the transport header is none or the bytes are not there, the field is missing. */
export interface Place {
  readonly base: 'network' | 'transport'
  /** Bytes from the header's start. */
  readonly offset: number
  /** Bytes: 1, 2, 4 or 16. */
  readonly length: number
}

export interface SelectorInfo {
  readonly type: DataType
  readonly bits: number
  /** The column of Packet.fields that holds it, where there is one. */
  readonly column?: ColumnName
  /** The bytes of the packet that hold it, where it is a payload field of whole bytes. */
  readonly place?: Place
  /** Values that other columns must have for this selector to exist in a packet. */
  readonly implies: readonly Implied[]
  /** The header field behind it. */
  readonly field?: Field
}

/** What is known of a selector; undefined if there is no such field or key. */
export function selectorInfo(selector: Selector): SelectorInfo | undefined {
  switch (selector.kind) {
    case 'payload': {
      const fields = own(PROTOCOL_FIELDS, selector.protocol)
      const field = fields && own(fields, selector.field)
      return field && ofField(field)
    }
    case 'raw':
      return { type: 'raw_integer', bits: selector.length, implies: [] }
    case 'exthdr':
      return ofOption(EXTENSION_HEADERS, selector.name, selector.field, ipv6)
    case 'tcp option':
      if (selector.raw !== undefined) return { type: 'integer', bits: selector.raw.length, implies: tcp }
      if (selector.field === undefined) return { type: 'boolean', bits: 1, implies: tcp }
      return ofOption(TCP_OPTIONS, selector.name, selector.field, tcp)
    case 'ip option':
      return ofOption(IP_OPTIONS, selector.name, selector.field, ipv4)
    case 'sctp chunk':
      return ofOption(SCTP_CHUNKS, selector.name, selector.field, sctp)
    case 'dccp option':
      return { type: 'boolean', bits: 1, implies: dccp }
    case 'meta':
      return ofKey(own(META_KEYS, selector.key))
    case 'ct':
      return ofKey(own(CT_KEYS, selector.key))
    case 'rt': {
      const info = ofKey(own(RT_KEYS, selector.key))
      return info && selector.key === 'nexthop' && selector.family === 'ip6'
        ? { ...info, type: 'ipv6_addr', bits: 128 }
        : info
    }
    case 'socket':
      return ofKey(own(SOCKET_KEYS, selector.key))
    case 'fib': {
      if (selector.exists) return { type: 'boolean', bits: 1, implies: [] }
      const type = ({ oif: 'iface_index', oifname: 'ifname', type: 'fib_addrtype' } as const)[selector.result]
      return { type, bits: typeInfo(type).bits, implies: [] }
    }
    case 'osf':
      return osf
    case 'ipsec': {
      const addresses = selector.family === 'ip6' ? ipsecAddress6 : ipsecAddress4
      return selector.key === 'reqid' || selector.key === 'spi' ? number32 : addresses
    }
    case 'numgen':
    case 'hash':
      return number32
  }
}

const ipv4: readonly Implied[] = [{ column: 'nfproto', value: Family.ipv4 }]
const ipv6: readonly Implied[] = [{ column: 'nfproto', value: Family.ipv6 }]
const tcp: readonly Implied[] = [{ column: 'l4proto', value: 6 }]
const sctp: readonly Implied[] = [{ column: 'l4proto', value: 132 }]
const dccp: readonly Implied[] = [{ column: 'l4proto', value: 33 }]
const number32: SelectorInfo = { type: 'integer', bits: 32, implies: [] }
/** Names of operating systems have 16 letters at most. */
const osf: SelectorInfo = { type: 'string', bits: 128, implies: tcp }
const ipsecAddress4: SelectorInfo = { type: 'ipv4_addr', bits: 32, implies: [] }
const ipsecAddress6: SelectorInfo = { type: 'ipv6_addr', bits: 128, implies: [] }

const fieldInfos = new WeakMap<Field, SelectorInfo>()

function ofField(field: Field): SelectorInfo {
  let info = fieldInfos.get(field)
  if (info === undefined) {
    const { type, base, offset, bits, implies, column } = field
    const whole = base !== 'll' && offset % 8 === 0 && [8, 16, 32, 128].includes(bits)
    const place: Place = {
      base: base === 'nh' ? 'network' : 'transport',
      offset: offset / 8,
      length: bits / 8,
    }
    const where = { ...(whole ? { place } : {}), ...(column === undefined ? {} : { column }) }
    info = { type, bits, implies, field, ...where }
    fieldInfos.set(field, info)
  }
  return info
}

function ofOption(
  options: Readonly<Record<string, OptionInfo>>,
  name: string,
  fieldName: string | undefined,
  implies: readonly Implied[],
): SelectorInfo | undefined {
  const option = own(options, name)
  if (option === undefined) return undefined
  if (fieldName === undefined) return { type: 'boolean', bits: 1, implies }
  const field = own(option.fields, fieldName)
  return field && { type: field.type, bits: field.bits, implies }
}

function ofKey(key: Key | undefined): SelectorInfo | undefined {
  if (key === undefined) return undefined
  const { type, bits = typeInfo(type).bits, column, implies = [] } = key
  return { type, bits, implies, ...(column === undefined ? {} : { column }) }
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}

const SELECTOR_KINDS: ReadonlySet<string> = new Set<Selector['kind']>([
  'payload',
  'raw',
  'exthdr',
  'tcp option',
  'ip option',
  'sctp chunk',
  'dccp option',
  'meta',
  'ct',
  'rt',
  'socket',
  'fib',
  'osf',
  'ipsec',
  'numgen',
  'hash',
])

/** Whether an expression is asked of the packet, and is no constant or computation. */
export function isSelector(expression: Expression): expression is Selector {
  return SELECTOR_KINDS.has(expression.kind)
}

/** The selectors that an expression asks for. */
export function* selectorsOf(expression: Expression): Generator<Selector> {
  if (isSelector(expression)) yield expression
  else if (expression.kind === 'map') yield* selectorsOf(expression.key)
  else if (expression.kind === 'concat') for (const part of expression.parts) yield* selectorsOf(part)
  else if (expression.kind === 'binary') {
    yield* selectorsOf(expression.left)
    yield* selectorsOf(expression.right)
  }
}

/** The families of packets that the chains of a table see. */
export function familiesOf(family: TableFamily): readonly number[] {
  if (family === 'ip') return [Family.ipv4]
  return family === 'ip6' ? [Family.ipv6] : [Family.ipv4, Family.ipv6]
}

/** A selector as nft writes it. */
export function selectorText(selector: Selector): string {
  switch (selector.kind) {
    case 'payload':
      return `${selector.protocol} ${selector.field}`
    case 'raw':
      return `@${selector.base},${selector.offset},${selector.length}`
    case 'exthdr': {
      if (selector.field === undefined) return `exthdr ${selector.name}`
      const index = selector.index === undefined ? '' : `[${selector.index}]`
      return `${selector.name} ${selector.field}${index}`
    }
    case 'tcp option':
      if (selector.raw !== undefined)
        return `tcp option @${selector.name},${selector.raw.offset},${selector.raw.length}`
      return join('tcp option', selector.name, selector.field)
    case 'ip option':
      return join('ip option', selector.name, selector.field)
    case 'sctp chunk':
      return join('sctp chunk', selector.name, selector.field)
    case 'dccp option':
      return `dccp option ${selector.type}`
    case 'meta':
      return PRINTED_BARE.includes(selector.key) ? selector.key : `meta ${selector.key}`
    case 'ct':
      return join('ct', selector.direction, selector.key)
    case 'rt':
      return join('rt', selector.family, selector.key)
    case 'socket':
      return join(
        'socket',
        selector.key,
        selector.level === undefined ? undefined : `level ${selector.level}`,
      )
    case 'fib':
      return `fib ${selector.flags.join(' . ')} ${selector.result}`
    case 'osf':
      return join('osf', selector.ttl && `ttl ${selector.ttl}`, selector.key)
    case 'ipsec': {
      const spnum = selector.spnum === 0 ? undefined : `spnum ${selector.spnum}`
      return join('ipsec', selector.direction, spnum, selector.family, selector.key)
    }
    case 'numgen':
      return join('numgen', selector.mode, `mod ${selector.modulus}`, offsetText(selector.offset))
    case 'hash': {
      const of = selector.of === undefined ? 'symhash' : `jhash ${operandText(selector.of)}`
      const seed = selector.seed === undefined ? undefined : `seed 0x${selector.seed.toString(16)}`
      return join(of, `mod ${selector.modulus}`, seed, offsetText(selector.offset))
    }
  }
}

function operandText(expression: Expression): string {
  if (expression.kind === 'concat') return expression.parts.map(operandText).join(' . ')
  return isSelector(expression) ? selectorText(expression) : expression.kind
}

function offsetText(offset: number): string | undefined {
  return offset === 0 ? undefined : `offset ${offset}`
}

function join(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(' ')
}
