/** Boxes in words: `tcp from 10.1.0.0/16 to port 11434`. */
import { type AddressBits, formatAddress, formatPrefix } from '../packet/address.js'
import type { DataType } from '../ruleset/datatypes.js'
import type { Statement } from '../ruleset/model.js'
import { selectorInfo, selectorsOf, selectorText } from '../ruleset/selectors.js'
import { formatValue, valueName } from '../ruleset/values.js'
import { type Box, ofPresence, spansOf } from './boxes.js'
import { ALL, EMPTY } from './diagram.js'
import { type Field, type FieldName, type Fields, STATES, type Version } from './fields.js'
import type { Span } from './vectors.js'

/** How many values of a field are named; of how many it is looked for the shorter way to say it. */
const NAMED = 8
const COUNTED = 64
const ICMP = { ip: 1n, ip6: 58n } as const

/** What is said of a field: its values, or all but these; none where no value is meant, as packets lack it. */
interface Said {
  readonly text: string
  readonly isNot: boolean
}

/** The packets of a box. Statement: how a state that is asked for is called. */
export function boxText(
  box: Box,
  family: Version,
  fields: Fields,
  textOf: (statement: Statement) => string,
): string {
  const said = (name: FieldName) => saidOf(box, fields.field(name), family, fields)
  const protocol = said('l4proto')
  const ports = isIcmp(box, family, fields) ? undefined : said('sport')
  const kind = ports === undefined ? said('sport') : undefined
  const port = said('dport')
  const from = side(said(family === 'ip' ? 'saddr4' : 'saddr6'), ports)
  const to = side(said(family === 'ip' ? 'daddr4' : 'daddr6'), port)
  const isCut = [ports, kind, port].some((each) => each?.text === '')
  const parts = [
    protocol === undefined ? 'any packet' : protocol.isNot ? `anything but ${protocol.text}` : protocol.text,
    ...(kind === undefined || kind.text === '' ? [] : [worded(kind)]),
    ...(isCut ? ['cut short'] : []),
    ...(from === '' ? [] : [`from ${from}`]),
    ...(to === '' ? [] : [`to ${to}`]),
    ...interfaceWords('in', said('iifname')),
    ...interfaceWords('out', said('oifname')),
  ]
  const others = [...box.fields.keys()].filter(({ name }) => name === 'other')
  const also = [
    ...alsoWords('state', said('ctState')),
    ...alsoWords('tcp flags', said('tcpFlags')),
    ...alsoWords('mark', said('mark')),
    ...others.flatMap((field) =>
      alsoWords(selectorText(field.selector!), saidOf(box, field, family, fields)),
    ),
    ...box.answers.map(
      ({ opaque, holds }) => `if ${textOf(opaque.statement)} ${holds ? 'holds' : 'does not hold'}`,
    ),
  ]
  return [parts.join(' '), ...also].join(', ')
}

/** A statement by its kind and what it names. */
export function statementWords(statement: Statement): string {
  if (statement.kind === 'match') return [...selectorsOf(statement.left)].map(selectorText).join(' . ')
  const name = 'name' in statement && typeof statement.name === 'string' ? ` ${statement.name}` : ''
  return `${statement.kind}${name}`
}

function side(address: Said | undefined, port: Said | undefined): string {
  const where = address === undefined ? [] : [address.isNot ? `anywhere but ${address.text}` : address.text]
  if (port === undefined || port.text === '') return where.join('')
  return [...where, port.isNot ? `any port but ${port.text}` : `port ${port.text}`].join(' ')
}

function interfaceWords(way: string, said: Said | undefined): string[] {
  if (said === undefined) return []
  return [said.isNot ? `${way} any interface but ${said.text}` : `${way} ${said.text}`]
}

function worded({ text, isNot }: Said): string {
  return `${isNot ? 'other than ' : ''}${text === '' ? 'missing' : text}`
}

function alsoWords(word: string, said: Said | undefined): string[] {
  return said === undefined ? [] : [`${word} ${worded(said)}`]
}

function isIcmp(box: Box, family: Version, fields: Fields): boolean {
  const field = fields.field('l4proto')
  const values = box.fields.get(field)
  if (values === undefined) return false
  const spans = spansOf(ofPresence(values.values, field, true, fields.diagram), field.bits, fields.diagram, 2)
  return spans.length === 1 && spans[0]![0] === ICMP[family] && spans[0]![1] === ICMP[family]
}

/** Undefined where a field is not restricted. */
function saidOf(box: Box, field: Field, family: Version, fields: Fields): Said | undefined {
  const found = box.fields.get(field)
  if (found === undefined) return undefined
  const { diagram } = fields
  const present = ofPresence(found.values, field, true, diagram)
  const missing = ofPresence(found.possible, field, true, diagram)
  const spans = spansOf(present, field.bits, diagram, COUNTED)
  const others = spansOf(diagram.minus(missing, present), field.bits, diagram, COUNTED)
  const type = typeOf(field, family, isIcmp(box, family, fields))
  if (present === EMPTY) return { text: '', isNot: false }
  if (others.length > 0 && others.length < spans.length) return { text: textsOf(others, type), isNot: true }
  if (present === ALL) return { text: 'there', isNot: false }
  return { text: listed(spans, type), isNot: false }
}

type Kind = DataType | 'state' | 'icmp'

function typeOf({ name, selector }: Field, family: Version, icmp: boolean): Kind {
  switch (name) {
    case 'l4proto':
      return 'inet_proto'
    case 'sport':
      return icmp ? 'icmp' : 'inet_service'
    case 'dport':
      return 'inet_service'
    case 'ctState':
      return 'state'
    case 'iifname':
    case 'oifname':
      return 'ifname'
    case 'tcpFlags':
      return 'tcp_flag'
    case 'mark':
      return 'mark'
    case 'other':
      return selectorInfo(selector!)!.type
    default:
      return family === 'ip' ? 'ipv4_addr' : 'ipv6_addr'
  }
}

function listed(spans: readonly Span[], type: Kind): string {
  const [first, last] = [spans[0]!, spans.at(-1)!]
  const whole: Span = [first[0], last[1]]
  // A prefix with a hole is told as that.
  const isAddress = type === 'ipv4_addr' || type === 'ipv6_addr'
  if (isAddress && spans.length > 1 && spans.length <= COUNTED && isPrefix(whole)) {
    const holes = spans.slice(1).map(([low], i): Span => [spans[i]![1] + 1n, low - 1n])
    return `${spanTexts(whole, type).join('')} but ${textsOf(holes, type)}`
  }
  return textsOf(spans, type)
}

function isPrefix([low, high]: Span): boolean {
  const size = high - low + 1n
  return (size & (size - 1n)) === 0n && low % size === 0n
}

function textsOf(spans: readonly Span[], type: Kind): string {
  const texts = spans.flatMap((span) => spanTexts(span, type))
  const more =
    spans.length > COUNTED ? 'many more' : texts.length > NAMED ? `${texts.length - NAMED} more` : ''
  return [...texts.slice(0, NAMED), ...(more === '' ? [] : [more])].join(', ')
}

function spanTexts([low, high]: Span, type: Kind): string[] {
  switch (type) {
    case 'state':
      return STATES.slice(Number(low), Number(high) + 1)
    case 'ifname':
      return [namesText(low, high)]
    case 'icmp':
      return icmpTexts(low, high)
    case 'ipv4_addr':
      return [addressesText(low, high, 32)]
    case 'ipv6_addr':
      return [addressesText(low, high, 128)]
    case 'tcp_flag':
      return [low === high ? flagsText(low) : `0x${low.toString(16)}-0x${high.toString(16)}`]
    case 'inet_proto':
      if (high - low < BigInt(NAMED))
        return Array.from({ length: Number(high - low) + 1 }, (_, i) => oneText(low + BigInt(i), type))
      return [`protocols ${low}-${high}`]
    default:
      return [low === high ? oneText(low, type) : `${oneText(low, type)}-${oneText(high, type)}`]
  }
}

function oneText(value: bigint, type: DataType): string {
  if (type === 'inet_service') return String(value)
  if (type === 'mark') return `0x${value.toString(16)}`
  if (type === 'inet_proto') return valueName(value, type) ?? `protocol ${value}`
  return formatValue(value, type)
}

function flagsText(flags: bigint): string {
  const names = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ecn', 'cwr']
  return names.filter((_, i) => (flags >> BigInt(i)) & 1n).join('|') || 'none'
}

function addressesText(low: bigint, high: bigint, bits: AddressBits): string {
  const size = high - low + 1n
  if (isPrefix([low, high]))
    return formatPrefix({ bits, value: low, length: bits - (size.toString(2).length - 1) })
  return `${formatAddress({ bits, value: low })}-${formatAddress({ bits, value: high })}`
}

const NAME_BYTES = 16

/** Names that begin alike are a pattern. */
function namesText(low: bigint, high: bigint): string {
  const bytes = Buffer.from(low.toString(16).padStart(2 * NAME_BYTES, '0'), 'hex')
  const name = bytes.toString('latin1').replace(/\0+$/, '')
  if (low === high) return name === '' ? 'no interface' : name
  return (high - low + 1n) % 256n === 0n ? `${name}*` : `${name}…`
}

function icmpTexts(low: bigint, high: bigint): string[] {
  const [first, last] = [low >> 8n, high >> 8n]
  const isWhole = (low & 255n) === 0n && (high & 255n) === 255n
  if (isWhole) return [first === last ? `type ${first}` : `types ${first}-${last}`]
  const codes = first === last && low !== high ? `${low & 255n}-${high & 255n}` : `${low & 255n}`
  return [first === last ? `type ${first} code ${codes}` : `types ${first}-${last}, in part`]
}
