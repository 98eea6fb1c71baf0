/** Expressions as nft lists them. */
import { isBitmask, typeInfo } from '../../../ruleset/datatypes.js'
import type { Element, Expression, NamedSet, Pair, Verdict } from '../../../ruleset/model.js'
import { isSelector, selectorText } from '../../../ruleset/selectors.js'
import { dataTypes, type PartType, typeOf } from '../../../ruleset/types.js'
import { bitsOf, formatDuration, formatValue, valueName } from '../../../ruleset/values.js'
import { printStateful, printVerdict } from './stateful.js'

/** Types of what is printed: of constants, and of the sets that maps lead through. */
export interface Types {
  readonly parts: readonly PartType[] | undefined
  readonly data?: readonly PartType[] | undefined
  readonly sets?: readonly NamedSet[]
}

const NONE: Types = { parts: undefined }

/** An expression; constants are of the types given. */
export function printExpression(expression: Expression, types: Types = NONE): string {
  if (isSelector(expression)) return selectorText(expression)
  const part = types.parts?.[0]
  switch (expression.kind) {
    case 'value':
      return printValue(expression.value, part)
    case 'flags':
      return flagNames(expression.bits, part).join(',')
    case 'range':
      return `${printBound(expression.from, part)}-${printBound(expression.to, part)}`
    case 'prefix':
      return `${printValue(expression.base, part)}/${expression.length}`
    case 'reference':
      return `@${expression.name}`
    case 'set':
      return `{ ${expression.elements.map((element) => printElement(element, types)).join(', ')} }`
    case 'concat':
      return expression.parts
        .map((item, i) => printExpression(item, { ...types, parts: types.parts?.[i] && [types.parts[i]] }))
        .join(' . ')
    case 'binary':
      return printBinary(expression, types)
    case 'map':
      return `${printExpression(expression.key)} map ${printLookup(expression.key, expression.map, types)}`
  }
}

/** What `map` and `vmap` look up in. `types.parts`: what the map leads to. */
export function printLookup(
  key: Expression,
  map: Extract<Expression, { kind: 'map' }>['map'],
  types: Types,
): string {
  if (map.kind === 'reference') return `@${map.name}`
  const inside: Types = { ...types, parts: typeOf(key, types.sets), data: types.parts }
  return `{ ${map.elements.map((pair) => printElement(pair, inside)).join(', ')} }`
}

const PRECEDENCE = { '|': 0, '^': 1, '&': 2, '<<': 3, '>>': 3 } as const

function printBinary(
  { operator, left, right }: Extract<Expression, { kind: 'binary' }>,
  types: Types,
): string {
  const parts = typeOf(left) ?? types.parts
  const shift = operator === '<<' || operator === '>>'
  const operand = printExpression(right, shift ? NONE : { ...types, parts })
  const looser = left.kind === 'binary' && PRECEDENCE[left.operator] < PRECEDENCE[operator]
  const first = printExpression(left, { ...types, parts })
  const several = right.kind === 'flags' ? `(${flagNames(right.bits, parts?.[0]).join(' | ')})` : operand
  const second = right.kind === 'binary' ? `(${several})` : several
  return `${looser ? `(${first})` : first} ${operator} ${second}`
}

export function flagNames(bits: bigint, part: PartType | undefined): string[] {
  const names = bitsOf(bits).map((bit) => (part === undefined ? undefined : valueName(bit, part.type)))
  if (names.some((name) => name === undefined)) return [`0x${bits.toString(16)}`]
  return names as string[]
}

const VERDICTS: ReadonlySet<string> = new Set(['accept', 'drop', 'continue', 'return', 'jump', 'goto'])

export function printElement(element: Element, types: Types): string {
  switch (element.kind) {
    case 'pair':
      return printPair(element, types)
    case 'wildcard':
      return '*'
    case 'element': {
      const { value, timeout, expires, comment, statements = [] } = element
      return [
        printElement(value, types),
        ...statements.map(printStateful),
        ...(timeout === undefined ? [] : [`timeout ${formatDuration(BigInt(timeout))}`]),
        ...(expires === undefined ? [] : [`expires ${formatDuration(BigInt(expires))}`]),
        ...(comment === undefined ? [] : [`comment "${comment}"`]),
      ].join(' ')
    }
    case 'value':
      // In a set, commas part the elements: bits are joined otherwise.
      if (isBits(element.value, types.parts?.[0]))
        return flagNames(element.value as bigint, types.parts?.[0]).join(' | ')
      return printExpression(element, types)
    default:
      return printExpression(element, types)
  }
}

function isBits(value: bigint | string, part: PartType | undefined): boolean {
  return part !== undefined && isBitmask(part.type) && typeof value === 'bigint' && bitsOf(value).length > 1
}

function printPair({ key, data }: Pair, types: Types): string {
  const written = VERDICTS.has(data.kind)
    ? printVerdict(data as Verdict)
    : printData(data as Expression, { ...types, parts: types.data })
  return `${printElement(key, types)} : ${written}`
}

function printData(data: Expression, types: Types): string {
  // Names of objects stand in quotes.
  return data.kind === 'value' && types.parts === undefined ? `"${data.value}"` : printExpression(data, types)
}

export function printValue(value: bigint | string, part: PartType | undefined): string {
  if (part === undefined) return String(value)
  const { form, quoted } = typeInfo(part.type)
  if (form === 'seconds' && typeof value === 'bigint') return formatDuration(value)
  if (isBits(value, part)) return flagNames(value as bigint, part).join(' | ')
  const text = formatValue(value, part.type, part.bits)
  const named = typeof value === 'string' || (quoted && valueName(value, part.type) !== undefined)
  return named || form === 'date' || form === 'hour' ? `"${text}"` : text
}

/** An end of a range: a number where nft writes one, and where a name with a hyphen could not be read again. */
function printBound(value: bigint, part: PartType | undefined): string {
  const text = printValue(value, part)
  return part?.type === 'inet_proto' || /^[a-z].*-/.test(text) ? String(value) : text
}

/** The types of what a map statement sets. */
export function mapTypes(set: string, sets: readonly NamedSet[]): readonly PartType[] | undefined {
  const named = sets.find(({ name }) => name === set)
  return named && dataTypes(named, sets)
}
