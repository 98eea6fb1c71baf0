import type { Node } from './ast.js'

/** Spellings of one thing that are told apart, at most, and literals of a regex. */
const MOST_SPELLINGS = 8
const MOST_LITERALS = 64

/** Literals in lower case of which every text that matches has one, in whatever case. */
export type Literals = readonly string[]

interface Known {
  /** All the texts that the node may be, if these are few. */
  readonly exact: Literals | undefined
  /** Literals of which one stands in whatever the node is. */
  readonly within: Literals | undefined
}

const ANYTHING: Known = { exact: undefined, within: undefined }
const NOTHING: Known = { exact: [''], within: undefined }

/** Literals that a regex cannot do without, the longest that are to be had; undefined if there are none. */
export function literalsOf(node: Node): Literals | undefined {
  const { exact, within } = know(node)
  return better(within, usable(exact))
}

/** The better of two: the one whose shortest literal is longer. */
export function better(one: Literals | undefined, other: Literals | undefined): Literals | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return shortest(other) > shortest(one) ? other : one
}

export function shortest(literals: Literals): number {
  return Math.min(...literals.map(({ length }) => length))
}

/** Literals of any of several, but those that have another in them; undefined if one has none, or there are too many. */
export function anyOf(all: readonly (Literals | undefined)[]): Literals | undefined {
  const together = new Set<string>()
  for (const literals of all) {
    if (literals === undefined) return undefined
    for (const literal of literals) together.add(literal)
    if (together.size > MOST_LITERALS) return undefined
  }
  const found = [...together]
  const minimal = found.filter((one) => !found.some((other) => other !== one && one.includes(other)))
  return minimal.length === 0 ? undefined : minimal
}

function know(node: Node): Known {
  switch (node.type) {
    case 'character': {
      const text = spelling(node.code)
      return text === undefined ? ANYTHING : { exact: [text], within: undefined }
    }
    case 'set':
      return set(node)
    case 'sequence':
      return sequence(node.items)
    case 'choice':
      return choice(node.items.map(know))
    case 'repeat':
      return repeat(node)
    case 'group':
    case 'atomic':
      return know(node.item)
    case 'look':
      return node.negated ? NOTHING : { exact: [''], within: literalsOf(node.item) }
    case 'assertion':
      return NOTHING
    default:
      return ANYTHING
  }
}

/** Characters beyond ASCII have other bytes in each encoding, and line feeds end a line: neither is looked for. */
function spelling(code: number): string | undefined {
  return code < 128 && code !== 10 ? String.fromCharCode(code).toLowerCase() : undefined
}

function set(node: Extract<Node, { type: 'set' }>): Known {
  if (node.negated) return ANYTHING
  const spellings = new Set<string>()
  for (const item of node.items) {
    if ('name' in item || item.to - item.from >= 2 * MOST_SPELLINGS) return ANYTHING
    for (let code = item.from; code <= item.to; code++) {
      const text = spelling(code)
      if (text === undefined) return ANYTHING
      spellings.add(text)
    }
  }
  return spellings.size > MOST_SPELLINGS ? ANYTHING : { exact: [...spellings], within: undefined }
}

function sequence(items: readonly Node[]): Known {
  let within: Literals | undefined
  let run: Literals = ['']
  let whole = true
  for (const item of items) {
    const known = know(item)
    within = better(within, known.within)
    const product = known.exact && multiply(run, known.exact)
    if (product !== undefined) {
      run = product
      continue
    }
    whole = false
    within = better(within, usable(run))
    run = known.exact ?? ['']
  }
  if (whole) return { exact: run, within }
  return { exact: undefined, within: better(within, usable(run)) }
}

function multiply(left: Literals, right: Literals): Literals | undefined {
  const product = new Set(left.flatMap((start) => right.map((end) => start + end)))
  return product.size > MOST_SPELLINGS ? undefined : [...product]
}

function choice(branches: readonly Known[]): Known {
  const exacts = branches.map(({ exact }) => exact)
  const exact = exacts.every((texts) => texts !== undefined)
    ? [...new Set(exacts.flat() as string[])]
    : undefined
  const within = anyOf(branches.map((branch) => better(branch.within, usable(branch.exact))))
  return { exact: exact !== undefined && exact.length <= MOST_SPELLINGS ? exact : undefined, within }
}

function repeat({ item, min, max }: Extract<Node, { type: 'repeat' }>): Known {
  const known = know(item)
  if (min === 0)
    return { exact: max === 1 && known.exact ? optional(known.exact) : undefined, within: undefined }
  if (min === 1 && max === 1) return known
  return { exact: undefined, within: better(known.within, usable(known.exact)) }
}

function optional(exact: Literals): Literals | undefined {
  const texts = new Set([...exact, ''])
  return texts.size > MOST_SPELLINGS ? undefined : [...texts]
}

/** Texts as literals to look for: none of them may be empty. */
function usable(exact: Literals | undefined): Literals | undefined {
  return exact?.every((text) => text !== '') ? exact : undefined
}
