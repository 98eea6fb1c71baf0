/** Rulesets as nft writes them (nft(8)); windows, which nft lacks, in a syntax after its named limits. */
import { formatAddress, formatPrefix } from '../../packet/address.js'
import * as icmp from '../../packet/icmp.js'
import * as icmpv6 from '../../packet/icmpv6.js'
import { CtState, Family } from '../../packet/packet.js'
import type {
  Chain,
  DataType,
  Element,
  Match,
  NamedSet,
  Rule,
  Ruleset,
  Statement,
  Table,
  Window,
} from '../../ruleset/model.js'
import { selectorInfo, selectorText } from '../../ruleset/selectors.js'

const INDENT = '\t'

/** Names that nft writes for the numbers of a datatype. */
const NAMES: Partial<Record<DataType, Readonly<Record<string, number>>>> = {
  nf_proto: Family,
  inet_proto: { icmp: 1, igmp: 2, tcp: 6, udp: 17, esp: 50, ah: 51, 'ipv6-icmp': 58, sctp: 132 },
  icmp_type: icmp.TYPES,
  icmpv6_type: icmpv6.TYPES,
  ct_state: CtState,
}

/** A Ruleset as text that nft reads, but for windows. Each rule of a file is followed by its place there. */
export function printRuleset(ruleset: Ruleset): string {
  return ruleset.tables.map(printTable).join('\n')
}

function printTable(table: Table): string {
  const parts = [
    ...table.windows.map(printWindow),
    ...table.sets.map(printSet),
    ...table.chains.map((chain) => printChain(chain)),
  ]
  return `table ${table.family} ${table.name} {\n${parts.map(indent).join('\n\n')}\n}\n`
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, INDENT)
}

function printWindow({ name, rate, per, strict, size, prefix4, prefix6 }: Window): string {
  const span = per % 1000 === 0 ? `${per / 1000}s` : `${per}ms`
  const source = `ip saddr/${prefix4}, ip6 saddr/${prefix6}`
  const lines = [`rate ${rate} per ${span}${strict ? ' strict' : ''}`, `source ${source}`, `size ${size}`]
  return `window ${name} {\n${lines.map(indent).join('\n')}\n}`
}

function printSet({ name, type, elements }: NamedSet): string {
  const interval = elements.some(({ kind }) => kind !== 'value')
  const lines = [
    `type ${type}`,
    ...(interval ? ['flags interval'] : []),
    `elements = { ${elements.map((element) => printElement(element, type)).join(', ')} }`,
  ]
  return `set ${name} {\n${lines.map(indent).join('\n')}\n}`
}

function printChain({ name, base, rules }: Chain): string {
  const lines = [
    ...(base === undefined
      ? []
      : [
          `type ${base.type} hook ${base.hook} priority ${printPriority(base.priority)}; policy ${base.policy};`,
        ]),
    ...rules.map(printRule),
  ]
  return `chain ${name} {\n${lines.map(indent).join('\n')}\n}`
}

function printPriority(priority: number): string {
  return priority === 0 ? 'filter' : String(priority)
}

function printRule(rule: Rule): string {
  const { file, line } = rule.position ?? {}
  const place = file === undefined ? '' : `  # ${file}:${line}`
  const comment = rule.comment === undefined ? '' : ` comment "${rule.comment}"`
  return `${printStatements(rule)}${comment}${place}`
}

/** The statements of a rule, without its comment. */
export function printStatements(rule: Rule): string {
  return rule.statements.map(printStatement).join(' ')
}

function printStatement(statement: Statement): string {
  switch (statement.kind) {
    case 'match':
      return printMatch(statement)
    case 'window':
      return `window name "${statement.name}"`
    case 'jump':
    case 'goto':
      return `${statement.kind} ${statement.target}`
    default:
      return statement.kind
  }
}

function printMatch({ left, operator, right }: Match): string {
  const type = selectorInfo(left)?.type ?? 'integer'
  const sign = operator === 'in' ? '' : `${operator} `
  return `${selectorText(left)} ${sign}${printRight(right, type)}`
}

function printRight(right: Match['right'], type: DataType): string {
  switch (right.kind) {
    case 'set':
      return `{ ${right.elements.map((element) => printElement(element, type)).join(', ')} }`
    case 'reference':
      return `@${right.name}`
    case 'flags':
      return flagNames(right.bits, type).join(',')
    default:
      return printElement(right, type)
  }
}

function flagNames(bits: bigint, type: DataType): string[] {
  return Object.entries(NAMES[type] ?? {})
    .filter(([, bit]) => (bits & BigInt(bit)) !== 0n)
    .map(([name]) => name)
}

function printElement(element: Element, type: DataType): string {
  switch (element.kind) {
    case 'value':
      return printValue(element.value, type)
    case 'range':
      return `${printValue(element.from, type)}-${printValue(element.to, type)}`
    case 'prefix': {
      const bits = type === 'ipv4_addr' ? 32 : 128
      return formatPrefix({ bits, value: element.base, length: element.length })
    }
  }
}

function printValue(value: bigint | string, type: DataType): string {
  if (typeof value === 'string') return `"${value}"`
  if (type === 'ipv4_addr') return formatAddress({ bits: 32, value })
  if (type === 'ipv6_addr') return formatAddress({ bits: 128, value })
  if (type === 'mark') return `0x${value.toString(16).padStart(8, '0')}`
  const name = Object.entries(NAMES[type] ?? {}).find(([, number]) => BigInt(number) === value)
  return name?.[0] ?? String(value)
}
