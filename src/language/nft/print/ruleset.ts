/** Rulesets as nft lists them (nft(8)); windows, which nft lacks, in a syntax after its named limits. */
import { type DataType, typeInfo } from '../../../ruleset/datatypes.js'
import type {
  Chain,
  NamedObject,
  NamedSet,
  Position,
  Rule,
  Ruleset,
  Table,
  Window,
} from '../../../ruleset/model.js'
import { priorityText } from '../../../ruleset/priorities.js'
import { dataTypes, elementTypes } from '../../../ruleset/types.js'
import { formatDuration } from '../../../ruleset/values.js'
import { Comments } from './comments.js'
import { printElement, printExpression } from './expression.js'
import { printLimit, printQuota, printStateful } from './stateful.js'
import { printStatements } from './statement.js'

export interface PrintOptions {
  /** Each rule is followed by the place that it comes from. */
  readonly places?: boolean
  /** Lines of comment before a rule; one without statements is these lines alone. */
  readonly remarks?: (rule: Rule) => readonly string[]
  /** Comments of the source, which are put where they stood. */
  readonly comments?: Comments
}

/** A Ruleset as text that nft reads, but for windows. */
export function printRuleset(ruleset: Ruleset, options: PrintOptions = {}): string {
  const comments = options.comments ?? new Comments()
  const tables = ruleset.tables.map((table) => {
    const before = comments.before(table.position).map((line) => `${line}\n`)
    return `${before.join('')}${printTable(table, comments, options)}`
  })
  const rest = comments.rest()
  return [...tables, ...(rest.length === 0 ? [] : [`${rest.join('\n')}\n`])].join('\n')
}

/** A block whose first line may be followed by a comment. */
function block(head: string, lines: readonly string[]): string {
  return `${head}\n${lines.map(indent).join('\n')}${lines.length === 0 ? '' : '\n'}}`
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '\t')
}

function printTable(table: Table, comments: Comments, options: PrintOptions): string {
  const head = `table ${table.family} ${table.name} {${comments.beside(table.position)}`
  const flags = [
    ...(table.comment === undefined ? [] : [`comment "${table.comment}"`]),
    ...(table.dormant ? ['flags dormant'] : []),
  ]
  const printed = [
    ...(table.objects ?? []).map((object) => withComments(object.position, () => printObject(object))),
    ...table.windows.map(printWindow),
    ...table.sets.map((set) => withComments(set.position, () => printSet(set, table, comments))),
    ...table.chains.map((chain) =>
      withComments(chain.position, () => printChain(chain, table, comments, options)),
    ),
  ]
  const end = comments.within(table.position)
  const items = [...printed, ...(end.length === 0 ? [] : [end.join('\n')])].join('\n\n')
  const body = [...flags, ...(items === '' ? [] : [items])]
  return `${head}\n${body.map(indent).join('\n')}${body.length === 0 ? '' : '\n'}}\n`

  function withComments(position: Position | undefined, print: () => string): string {
    return [...comments.before(position), print()].join('\n')
  }
}

function printWindow({ name, rate, per, strict, size, prefix4, prefix6 }: Window): string {
  const source = `ip saddr/${prefix4}, ip6 saddr/${prefix6}`
  const span = formatDuration(BigInt(per))
  return block(`window ${name} {`, [
    `rate ${rate} per ${span}${strict ? ' strict' : ''}`,
    `source ${source}`,
    `size ${size}`,
  ])
}

function printObject(object: NamedObject): string {
  const comment = object.comment === undefined ? [] : [`comment "${object.comment}"`]
  const l3proto = 'l3proto' in object && object.l3proto !== undefined ? [`l3proto ${object.l3proto}`] : []
  return block(`${object.kind} ${object.name} {`, [...comment, ...objectLines(object, l3proto)])
}

function objectLines(object: NamedObject, l3proto: readonly string[]): string[] {
  switch (object.kind) {
    case 'counter':
      return [`packets ${object.packets} bytes ${object.bytes}`]
    case 'quota':
      return [printQuota(object)]
    case 'limit':
      return [printLimit(object)]
    case 'ct helper':
      return [`type "${object.type}" protocol ${object.protocol}`, ...l3proto]
    case 'ct timeout': {
      const pairs = Object.entries(object.policy).map(
        ([state, seconds]) => `${state} : ${formatDuration(BigInt(seconds) * 1000n)}`,
      )
      return [
        `protocol ${object.protocol}`,
        ...l3proto,
        ...(pairs.length === 0 ? [] : [`policy = { ${pairs.join(', ')} }`]),
      ]
    }
    case 'ct expectation':
      return [
        `protocol ${object.protocol}`,
        `dport ${object.dport}`,
        `timeout ${formatDuration(BigInt(object.timeout))}`,
        `size ${object.size}`,
        ...l3proto,
      ]
  }
}

/** In the order in which nft lists them. */
const FLAGS = ['constant', 'dynamic', 'interval', 'timeout'] as const

/** How many elements nft writes in a line. */
function perLine(set: NamedSet): number {
  if (Array.isArray(set.type)) return 1
  const { form } = typeInfo(set.type as DataType)
  if (form === 'ipv4') return 2
  return ['ipv6', 'text', 'ethernet', 'bit'].includes(form) ? 1 : 5
}

function printSet(set: NamedSet, table: Table, comments: Comments): string {
  const {
    name,
    type,
    map,
    flags,
    policy,
    size,
    timeout,
    gcInterval,
    autoMerge,
    statements = [],
    comment,
  } = set
  const beside = comments.beside(set.position)
  const data =
    map === undefined
      ? ''
      : ` : ${set.typeofMap === undefined ? [map].flat().join(' . ') : printExpression(set.typeofMap)}`
  const lines = [
    set.typeof === undefined
      ? `type ${[type].flat().join(' . ')}${data}`
      : `typeof ${printExpression(set.typeof)}${data}`,
    ...(policy === undefined || policy === 'performance' ? [] : [`policy ${policy}`]),
    ...(size === undefined ? [] : [`size ${size}`]),
    ...(flags === undefined || flags.length === 0
      ? []
      : [`flags ${FLAGS.filter((flag) => flags.includes(flag)).join(',')}`]),
    ...(autoMerge ? ['auto-merge'] : []),
    ...(timeout === undefined ? [] : [`timeout ${formatDuration(BigInt(timeout))}`]),
    ...(gcInterval === undefined ? [] : [`gc-interval ${formatDuration(BigInt(gcInterval))}`]),
    ...statements.map(printStateful),
    ...(comment === undefined ? [] : [`comment "${comment}"`]),
    ...comments.within(set.position),
    ...(set.elements.length === 0 ? [] : [printElements(set, table)]),
  ]
  return block(`${map === undefined ? 'set' : 'map'} ${name} {${beside}`, lines)
}

function printElements(set: NamedSet, table: Table): string {
  const types = { parts: elementTypes(set, table.sets), data: dataTypes(set, table.sets), sets: table.sets }
  const width = perLine(set)
  let text = 'elements = { '
  set.elements.forEach((element, i) => {
    if (i > 0) text += i % width === 0 ? ',\n\t     ' : ', '
    text += printElement(element, types)
  })
  return `${text} }`
}

function printChain(chain: Chain, table: Table, comments: Comments, options: PrintOptions): string {
  const { name, base, comment, rules, position } = chain
  const beside = comments.beside(position)
  const lines = [
    ...(comment === undefined ? [] : [`comment "${comment}"`]),
    ...(base === undefined
      ? []
      : [
          `type ${base.type} hook ${base.hook} priority ${priorityText(base.priority, base.hook)}; policy ${base.policy};`,
        ]),
  ]
  for (const rule of rules) {
    lines.push(
      ...comments.before(rule.position),
      ...(options.remarks?.(rule) ?? []).map((line) => `# ${line}`),
    )
    if (rule.statements.length > 0)
      lines.push(`${printRule(rule, table, options.places === true)}${comments.beside(rule.position)}`)
  }
  lines.push(...comments.within(position))
  return block(`chain ${name} {${beside}`, lines)
}

function printRule(rule: Rule, table: Table, places: boolean): string {
  const { file, line } = rule.position ?? {}
  const place = !places || file === undefined ? '' : `  # ${file}:${line}`
  const comment = rule.comment === undefined ? '' : ` comment "${rule.comment}"`
  return `${printStatements(rule, table.sets, table.family)}${comment}${place}`
}
