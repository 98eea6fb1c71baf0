import { type Assertion, type ClassName, contains, EMPTY, type Node, type SetItem } from './ast.js'
import { casesOf } from './characters.js'

/**
 * What a regex is written for: JavaScript on texts of ASCII alone (faster), JavaScript on any text, or RE2 on any
 * text. All say the same of the same text.
 */
export type Target = 'ascii' | 'unicode' | 're2'

export interface Printed {
  readonly source: string
  readonly flags: string
  /** Of each group that is asked for, by its index in the original, the indexes of the groups it became. */
  readonly groups: ReadonlyMap<number, readonly number[]>
}

/** Something that a target cannot say. */
export class Unprintable extends Error {}

/** Writes a regex without conditions for a target. wanted: the groups to keep. Throws Unprintable. */
export function printRegex(node: Node, target: Target, wanted: ReadonlySet<number>): Printed {
  const printer = new Printer(target, wanted, node)
  const source = printer.print(node, true)
  return { source, flags: printer.flags, groups: printer.groups }
}

/** What Unicode calls a blank, as Python has it. */
const BLANKS = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
const CLASSES: Readonly<Record<Target, Readonly<Record<ClassName, string>>>> = {
  ascii: { d: '\\d', w: '\\w', s: '\\s\\x1c-\\x1f' },
  unicode: { d: '\\p{Nd}', w: '\\p{L}\\p{N}_', s: BLANKS },
  re2: { d: '\\p{Nd}', w: '\\p{L}\\p{N}_', s: BLANKS.replace(/\\u([\da-f]{4})/g, '\\x{$1}') },
}
const WORD = '[\\p{L}\\p{N}_]'
const ASSERTIONS: Readonly<Record<Assertion, string>> = {
  start: '^',
  end: '(?=\\n?$)',
  lineStart: '(?<![^\\n])',
  lineEnd: '(?![^\\n])',
  textEnd: '$',
  word: '\\b',
  notWord: '\\B',
}
const UNICODE_ASSERTIONS: Readonly<Record<Assertion, string>> = {
  ...ASSERTIONS,
  word: `(?:(?<=${WORD})(?!${WORD})|(?<!${WORD})(?=${WORD}))`,
  notWord: `(?:(?<=${WORD})(?=${WORD})|(?<!${WORD})(?!${WORD}))`,
}

class Printer {
  readonly groups = new Map<number, number[]>()
  readonly #target: Target
  readonly #wanted: Set<number>
  /** Whether every character is read in any case, so that a flag can say so. */
  readonly #folded: boolean
  #count = 0

  constructor(target: Target, wanted: ReadonlySet<number>, node: Node) {
    this.#target = target
    this.#wanted = new Set(wanted)
    this.#folded = !contains(node, keepsCase) && contains(node, (inner) => 'fold' in inner && inner.fold)
    for (const index of referencesOf(node)) this.#wanted.add(index)
  }

  get flags(): string {
    return `${this.#folded ? 'i' : ''}${this.#target === 'unicode' ? 'u' : ''}`
  }

  /** last: nothing follows that could want the line feed at the end. */
  print(node: Node, last = false): string {
    switch (node.type) {
      case 'character':
        return this.#character(node.code, node.fold)
      case 'set':
        return this.#set(node.items, node.negated, node.fold)
      case 'any':
        return node.all ? '[\\s\\S]' : '[^\\n]'
      case 'sequence':
        return node.items
          .map((item, at) => this.print(item, last && node.items.slice(at + 1).every(isNothing)))
          .join('')
      case 'choice':
        return `(?:${node.items.map((item) => this.print(item, last)).join('|')})`
      case 'repeat':
        return this.#repeat(node)
      case 'group':
        return this.#group(node, last)
      case 'look':
        return this.#look(node)
      case 'atomic':
        return this.#atomic(node.item)
      case 'backreference':
        return this.#backreference(node.index)
      case 'assertion':
        return this.#assertion(node.kind, last)
      case 'conditional':
        throw new Unprintable('conditions are written out before')
    }
  }

  #character(code: number, fold: boolean): string {
    if (!fold || this.#folded) return this.#escape(code)
    const cases = casesOf(code)
    if (cases.length === 1) return this.#escape(code)
    return `[${cases.map((other) => this.#escape(other)).join('')}]`
  }

  #escape(code: number): string {
    const character = String.fromCodePoint(code)
    if (/[\w ]/.test(character)) return character
    if (/[\^$\\.*+?()[\]{}|/]/.test(character)) return `\\${character}`
    // A minus is special in sets only, where this spelling is one in every dialect.
    if (/[!"#%&',:;<=>@`~]/.test(character)) return character
    const hexadecimal = code.toString(16)
    if (this.#target === 're2') return `\\x{${hexadecimal}}`
    if (this.#target === 'unicode') return `\\u{${hexadecimal}}`
    return [...Array(character.length).keys()]
      .map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`)
      .join('')
  }

  #set(items: readonly SetItem[], negated: boolean, fold: boolean): string {
    const members: string[] = []
    const complements: string[] = []
    for (const item of items) {
      if ('name' in item) {
        const characters = CLASSES[this.#target][item.name]
        if (item.negated) complements.push(`[^${characters}]`)
        else members.push(characters)
      } else members.push(...this.#range(item.from, item.to, fold && !this.#folded))
    }
    const set = members.join('')
    if (complements.length === 0) {
      if (set === '') return negated ? '[\\s\\S]' : '(?!)'
      return `[${negated ? '^' : ''}${set}]`
    }
    if (members.length === 0 && complements.length === 1)
      return negated ? complements[0]!.replace('[^', '[') : complements[0]!
    const union = [...(set === '' ? [] : [`[${set}]`]), ...complements].join('|')
    if (!negated) return `(?:${union})`
    if (this.#target === 're2') throw new Unprintable('a complement of complements')
    return `(?:(?!${union})[\\s\\S])`
  }

  #range(from: number, to: number, fold: boolean): string[] {
    // Texts of ASCII have nothing beyond, and a set in JavaScript without u knows units only.
    if (this.#target === 'ascii' && to > 0xffff) {
      if (from > 0xffff) return []
      to = 0xffff
    }
    const one = from === to ? this.#escape(from) : `${this.#escape(from)}-${this.#escape(to)}`
    if (!fold) return [one]
    const others: string[] = []
    for (let code = from; code <= to && code - from < 256; code++)
      for (const other of casesOf(code)) if (other < from || other > to) others.push(this.#escape(other))
    return [one, ...others]
  }

  #repeat(node: Extract<Node, { type: 'repeat' }>): string {
    if (node.mode === 'possessive') return this.#atomic({ ...node, mode: 'greedy' })
    const { min, max } = node
    const most = max === Number.POSITIVE_INFINITY ? '' : String(max)
    let sign = min === max ? `{${min}}` : `{${min},${most}}`
    if (min === 0 && max === 1) sign = '?'
    else if (max === Number.POSITIVE_INFINITY && min < 2) sign = min === 0 ? '*' : '+'
    return `${this.#single(node.item)}${sign}${node.mode === 'lazy' ? '?' : ''}`
  }

  /** Something that a sign behind it repeats as a whole. */
  #single(node: Node): string {
    const text = this.print(node)
    const single =
      node.type === 'character' || node.type === 'any' || node.type === 'choice' || node.type === 'set'
    const kept = node.type === 'group' && this.#wanted.has(node.index)
    // In JavaScript without u a character beyond 16 bits is two.
    const pair = node.type === 'character' && node.code > 0xffff
    return (single && !pair) || kept ? text : `(?:${text})`
  }

  #group(node: Extract<Node, { type: 'group' }>, last: boolean): string {
    if (!this.#wanted.has(node.index)) return `(?:${this.print(node.item, last)})`
    const index = ++this.#count
    this.groups.set(node.index, [...(this.groups.get(node.index) ?? []), index])
    return `(${this.print(node.item, last)})`
  }

  #look(node: Extract<Node, { type: 'look' }>): string {
    if (this.#target === 're2') throw new Unprintable('looking ahead or behind')
    return `(?${node.ahead ? '' : '<'}${node.negated ? '!' : '='}${this.print(node.item)})`
  }

  #atomic(item: Node): string {
    if (this.#target === 're2') throw new Unprintable('an atomic group')
    const index = ++this.#count
    return `(?=(${this.print(item)}))\\${index}(?:)`
  }

  #backreference(index: number): string {
    if (this.#target === 're2') throw new Unprintable('a reference')
    const became = this.groups.get(index)
    if (became === undefined) throw new Unprintable('a reference ahead')
    // Of groups that were written out only those on this way have taken part; the others match nothing at all.
    return became.map((group) => `\\${group}(?:)`).join('')
  }

  #assertion(kind: Assertion, last: boolean): string {
    if (this.#target === 'ascii') return ASSERTIONS[kind]
    if (this.#target === 'unicode') return UNICODE_ASSERTIONS[kind]
    if (kind === 'start') return '\\A'
    if (kind === 'textEnd') return '\\z'
    if (kind === 'end' && last) return '\\n?\\z'
    throw new Unprintable(`${kind} within a regex`)
  }
}

function keepsCase(node: Node): boolean {
  if (node.type === 'character') return !node.fold && casesOf(node.code).length > 1
  return (node.type === 'set' || node.type === 'backreference') && !node.fold && !isClass(node)
}

/** Whether a set is of classes alone, which are the same in any case. */
function isClass(node: Node): boolean {
  return node.type === 'set' && node.items.every((item) => 'name' in item)
}

function referencesOf(node: Node): number[] {
  const found: number[] = []
  contains(node, (inner) => {
    if (inner.type === 'backreference') found.push(inner.index)
    return false
  })
  return found
}

function isNothing(node: Node): boolean {
  return node === EMPTY || (node.type === 'sequence' && node.items.every(isNothing))
}
