import { childrenOf, contains, type Node } from '../regex/ast.js'
import type { Regex } from '../regex/regex.js'

/** Who wrote the line, and whom they write into it. */
export const WRITER = '192.0.2.1'
export const VICTIM = '203.0.113.9'

/** Characters that a set may stand for, those that look most like text first. */
const SAMPLES = 'xa1 -_:/.,"\'()[]<>='

/**
 * A line that bans whom its writer names: one that matches, in a part that may be anything, what stands around the
 * address, with another address. Undefined if none was found. The regex itself is asked, so that what is found is true.
 */
export function findForgery(regex: Regex): string | undefined {
  const items = flatten(regex.node)
  const host = items.findIndex(isAddress)
  if (host < 0) return undefined
  const honest = items.map((item) => sample(item, WRITER))
  if (addressIn(regex, honest.join('')) !== WRITER) return undefined
  const lastLoop = items.slice(0, host).findLastIndex(takesAnything)
  const nextLoop = items.findIndex((item, at) => at > host && takesAnything(item))
  const forged = ` ${items
    .slice(lastLoop + 1, nextLoop < 0 ? undefined : nextLoop)
    .map((item) => sample(item, VICTIM))
    .join('')} `
  const places = [...items.keys()].filter((at) => takesAnything(items[at]!))
  const lines = places.map((at) => honest.with(at, forged).join(''))
  // Where nothing says that the line ends, anything may follow.
  if (!endsLine(items)) lines.push(honest.join('') + forged.trimEnd())
  return lines.find((line) => !line.includes('\n') && addressIn(regex, line) === VICTIM)
}

function addressIn(regex: Regex, line: string): string | undefined {
  const found = regex.search(`${line}\n`, true)
  return found === null ? undefined : regex.group(found, 'ip4')
}

/** The things that stand behind each other, as far as they do in any case. */
function flatten(node: Node): Node[] {
  if (node.type === 'sequence') return node.items.flatMap(flatten)
  if (node.type === 'group' && !isAddress(node)) return flatten(node.item)
  return [node]
}

function endsLine(items: readonly Node[]): boolean {
  const last = items.at(-1)
  return last?.type === 'assertion' && (last.kind === 'end' || last.kind === 'textEnd')
}

function isAddress(node: Node): boolean {
  return contains(node, (inner) => inner.type === 'group' && inner.name === 'ip4')
}

/** Whether it is a repetition that reads whatever there is: a set that leaves something out is mostly a field. */
function takesAnything(node: Node): boolean {
  return node.type === 'repeat' && node.max === Number.POSITIVE_INFINITY && node.item.type === 'any'
}

/** A short text that a node matches, most likely. */
function sample(node: Node, address: string): string {
  switch (node.type) {
    case 'character':
      return String.fromCodePoint(node.code)
    case 'any':
      return 'x'
    case 'set':
      return [...SAMPLES].find((character) => inSet(node, character)) ?? ''
    case 'choice':
      return sample(node.items.find(isAddress) ?? node.items[0]!, address)
    case 'repeat':
      return sample(node.item, address).repeat(isAddress(node) ? Math.max(1, node.min) : node.min)
    case 'group':
      return node.name === 'ip4' ? address : sample(node.item, address)
    case 'look':
    case 'assertion':
      return ''
    default:
      return childrenOf(node)
        .map((child) => sample(child, address))
        .join('')
  }
}

function inSet(set: Extract<Node, { type: 'set' }>, character: string): boolean {
  const code = character.charCodeAt(0)
  const classes = { d: /\d/, w: /\w/, s: /\s/ }
  const found = set.items.some((item) =>
    'name' in item
      ? classes[item.name].test(character) !== item.negated
      : item.from <= code && code <= item.to,
  )
  return found !== set.negated
}
