/** Elements of sets and maps: typed, in nft's order, without doubles. */
import { typeInfo } from '../../../ruleset/datatypes.js'
import {
  canonicalKey,
  clashOf,
  hasInterval,
  keyOf,
  mergeElements,
  sortElements,
} from '../../../ruleset/elements.js'
import type {
  Element,
  ElementWithOptions,
  Expression,
  Pair,
  PlainElement,
  Verdict,
} from '../../../ruleset/model.js'
import type { PartType } from '../../../ruleset/types.js'
import { formatValue } from '../../../ruleset/values.js'
import { attempt } from '../../reports.js'
import type { ElementNode, ExpressionNode, NameNode, SetNode, VerdictNode } from '../ast.js'
import { lowerConstant, lowerKey } from './constants.js'
import type { Context } from './context.js'
import { lowerOptions, lowerStateful, lowerVerdict } from './stateful.js'

/** What leads to what in a map: the type of its data, or verdicts or names of objects. */
export type DataKind = readonly PartType[] | 'verdict' | 'object'

export interface ElementRules {
  readonly parts: readonly PartType[]
  /** What elements lead to, in a map. */
  readonly data?: DataKind
  readonly anonymous: boolean
  /** Ranges and prefixes are allowed. */
  readonly interval: boolean
  readonly autoMerge?: boolean
}

/** The elements of a set, in the order in which nft lists them. */
export function lowerElements(node: SetNode, rules: ElementRules, context: Context): Element[] {
  if (node.elements.length === 0) context.fail(node, 'the set is empty')
  return orderElements(readElements(node, rules, context), rules, node, context)
}

/** The elements as they are written; what is wrong with one is reported, and it is left out. */
export function readElements(node: SetNode, rules: ElementRules, context: Context): Element[] {
  const elements: Element[] = []
  for (const item of node.elements) {
    if (context.reports.full) break
    attempt(() => addElement(item, rules, context, elements))
  }
  return elements
}

function addElement(node: ExpressionNode, rules: ElementRules, context: Context, elements: Element[]): void {
  // By far the most: a word with nothing around it.
  if (node.kind === 'word' && rules.data === undefined && rules.parts.length === 1) {
    const lowered = lowerConstant(node, rules.parts[0]!, context)
    elements.push(
      lowered.kind === 'flags' ? { kind: 'value', value: lowered.bits } : (lowered as PlainElement),
    )
    return
  }
  const { node: resolved, context: inside } = context.resolve(node)
  if (resolved.kind === 'set') {
    for (const item of resolved.elements) addElement(item, rules, inside, elements)
    return
  }
  if (resolved.kind === 'list') {
    for (const item of resolved.items) addElement(item, rules, inside, elements)
    return
  }
  if (resolved.kind === 'reference') inside.fail(resolved, 'a set cannot be an element of another')
  if (resolved.kind === 'element') elements.push(withOptions(resolved, rules, inside))
  else if (rules.data !== undefined)
    inside.fail(resolved, 'this element leads nowhere: write what it maps to behind a colon')
  else elements.push(keyElement(resolved, rules, inside))
}

function keyElement(node: ExpressionNode, rules: ElementRules, context: Context): PlainElement {
  const key = lowerKey(node, rules.parts, context)
  if (!rules.interval && hasInterval(key))
    context.fail(node, 'this set holds no ranges', 'declare it with flags interval')
  return canonicalKey(key, rules.parts)
}

function withOptions(node: ElementNode, rules: ElementRules, context: Context): Element {
  const value = keyElement(node.key, rules, context)
  const options = lowerOptions(node.options, context)
  const statements = node.statements.map((statement) => lowerStateful(statement, context))
  const plain = Object.keys(options).length === 0 && statements.length === 0
  const key: PlainElement | ElementWithOptions = plain
    ? value
    : { kind: 'element', value, ...options, ...(statements.length === 0 ? {} : { statements }) }
  if (rules.data === undefined) {
    if (node.data !== null)
      context.fail(node.data, 'this is a set: its elements lead nowhere', 'a map has map instead of set')
    return key
  }
  if (node.data === null)
    return context.fail(node, 'this element leads nowhere: write what it maps to behind a colon')
  return { kind: 'pair', key, data: lowerData(node.data, rules.data, context) } satisfies Pair
}

function lowerData(
  node: ExpressionNode | VerdictNode,
  data: DataKind,
  context: Context,
): Expression | Verdict {
  if (node.kind === 'verdict') {
    if (data !== 'verdict') return context.fail(node, 'this map leads to values, not to verdicts', 'use vmap')
    return lowerVerdict(node, context)
  }
  if (data === 'verdict') return context.fail(node, 'a verdict is expected here')
  if (data === 'object') return { kind: 'value', value: context.nameOf(node as NameNode) }
  const key = lowerKey(node, data, context)
  return key.kind === 'wildcard' ? context.fail(node, 'a value is expected here') : key
}

/** Puts elements into nft's order, merges or refuses those that share values. */
export function orderElements(
  elements: readonly Element[],
  rules: ElementRules,
  node: SetNode,
  context: Context,
): Element[] {
  const sorted = sortElements(elements, rules.parts, rules.interval && !rules.anonymous)
  const [part] = rules.parts
  if (rules.parts.length > 1) return uniqueConcatenations(sorted)
  const { form } = typeInfo(part!.type)
  if (form === 'text' || form === 'flags') return withoutDoubles(sorted, rules)
  const merge = rules.autoMerge || (rules.anonymous && rules.data === undefined)
  if (merge && part!.type !== 'boolean' && sorted.some((element) => isInterval(element)))
    return mergeElements(sorted, part!)
  const unique = withoutDoubles(sorted, rules)
  const clash = clashOf(unique, part!)
  if (clash !== undefined) {
    const [first, second] = [clash.first, clash.second].map((element) => elementText(keyOf(element), part!))
    const message =
      clash.kind === 'twice' ? `the set holds ${first} twice` : `${first} and ${second} overlap in this set`
    context.fail(node, message, rules.anonymous ? undefined : 'auto-merge joins such elements')
  }
  return unique
}

function isInterval(element: Element): boolean {
  const { kind } = keyOf(element)
  return kind === 'range' || kind === 'prefix'
}

function uniqueConcatenations(sorted: readonly Element[]): Element[] {
  const seen = new Set<string>()
  return sorted.filter((element) => {
    const text = JSON.stringify(element, (_, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    )
    return !seen.has(text) && seen.add(text)
  })
}

/** Leaves out plain elements that are there already: adding one twice is no error to the kernel. */
function withoutDoubles(sorted: readonly Element[], { data }: ElementRules): Element[] {
  return sorted.filter((element, i) => {
    const last = i === 0 ? undefined : sorted[i - 1]!
    if (last === undefined || last.kind !== element.kind) return true
    if (data !== undefined) return !sameKeyAndData(last, element)
    if (element.kind === 'value') return element.value !== (last as typeof element).value
    if (element.kind === 'range')
      return element.from !== (last as typeof element).from || element.to !== (last as typeof element).to
    return (
      element.kind !== 'prefix' ||
      element.base !== (last as typeof element).base ||
      element.length !== (last as typeof element).length
    )
  })
}

function sameKeyAndData(a: Element, b: Element): boolean {
  const text = (element: Element) =>
    JSON.stringify(element, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))
  return text(a) === text(b)
}

function elementText(key: PlainElement, { type, bits }: PartType): string {
  switch (key.kind) {
    case 'value':
      return formatValue(key.value, type, bits)
    case 'range':
      return `${formatValue(key.from, type, bits)}-${formatValue(key.to, type, bits)}`
    case 'prefix':
      return `${formatValue(key.base, type, bits)}/${key.length}`
    default:
      return typeInfo(type).noun
  }
}
