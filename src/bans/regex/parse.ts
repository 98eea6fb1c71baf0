import { EMPTY, type Node } from './ast.js'
import { parseClassEscape, parseEscape, parseSet } from './characters.js'
import { RegexError, Scanner } from './scanner.js'

/** How deep groups may stand within each other, and how many groups there may be. */
const DEEPEST = 100
const MOST_GROUPS = 500
/** Repetitions that are counted out, at most. */
const MOST_REPEATS = 1000

/** How letters, `.`, `^`, `$` and blanks are read. */
interface Flags {
  readonly fold: boolean
  readonly all: boolean
  readonly multiline: boolean
  readonly verbose: boolean
}

export interface Parsed {
  readonly node: Node
  /** Indexes of the named groups. */
  readonly names: ReadonlyMap<string, number>
}

/** Reads a regular expression of Python. multiline: `^` and `$` match at each line. Throws RegexError. */
export function parseRegex(text: string, multiline = false): Parsed {
  return new Parser(text).parse({ fold: false, all: false, multiline, verbose: false })
}

class Parser {
  readonly #scanner: Scanner
  readonly #names = new Map<string, number>()
  readonly #open = new Set<number>()
  #groups = 0
  #depth = 0

  constructor(text: string) {
    this.#scanner = new Scanner(text)
  }

  parse(flags: Flags): Parsed {
    const node = this.#choice(flags)
    if (!this.#scanner.done) throw this.#scanner.error('this ) closes nothing')
    return { node, names: this.#names }
  }

  #choice(outer: Flags): Node {
    const scanner = this.#scanner
    const items: Node[] = []
    let flags = outer
    do {
      const sequence: Node[] = []
      while (!scanner.done && !scanner.looksAt('|') && !scanner.looksAt(')')) {
        const set = this.#flags()
        if (set !== undefined) flags = { ...flags, ...set }
        else this.#term(sequence, flags)
      }
      items.push(sequence.length === 1 ? sequence[0]! : { type: 'sequence', items: sequence })
    } while (scanner.take('|'))
    return items.length === 1 ? items[0]! : { type: 'choice', items }
  }

  /** Flags that count from here to the end of the group, such as (?i). */
  #flags(): Partial<Flags> | undefined {
    const found = this.#scanner.match(/\(\?([aiLmsux]+)\)/y)
    return found && flagsOf(found[1]!, true)
  }

  /** One thing with what repeats it. */
  #term(sequence: Node[], flags: Flags): void {
    const scanner = this.#scanner
    if (flags.verbose && scanner.match(/\s+|#[^\n]*/y)) return
    if (scanner.match(/\(\?#[^)]*\)/y)) return
    const start = scanner.at
    const node = this.#atom(flags)
    const repeated = this.#repeat(node, start)
    if (repeated !== node && this.#isRepeat())
      throw scanner.error('what is repeated is repeated again: put it into a group')
    sequence.push(repeated)
  }

  #isRepeat(): boolean {
    return this.#scanner.peek(/[*+?]|\{(?:\d+(?:,\d*)?|,\d*)\}/y)
  }

  #repeat(item: Node, start: number): Node {
    const scanner = this.#scanner
    const found = scanner.match(/([*+?])|\{(\d*)(,?)(\d*)\}/y, (match) => match[0] !== '{}')
    if (found === undefined) return item
    if (item.type === 'assertion') throw new RegexError('there is nothing to repeat', start)
    const [text, sign, least = '', comma, most = ''] = found
    let min = Number(least)
    let max = most !== '' ? Number(most) : comma === ',' ? Number.POSITIVE_INFINITY : min
    if (sign !== undefined) {
      min = sign === '+' ? 1 : 0
      max = sign === '?' ? 1 : Number.POSITIVE_INFINITY
    }
    if (max < min) throw new RegexError(`${text} repeats at least more often than at most`, start)
    if (min > MOST_REPEATS || (max > MOST_REPEATS && max !== Number.POSITIVE_INFINITY))
      throw new RegexError(`${text} repeats more than ${MOST_REPEATS} times`, start)
    const mode = scanner.take('?') ? 'lazy' : scanner.take('+') ? 'possessive' : 'greedy'
    return { type: 'repeat', item, min, max, mode }
  }

  #atom(flags: Flags): Node {
    const scanner = this.#scanner
    const { fold } = flags
    if (scanner.looksAt('(')) return this.#group(flags)
    if (scanner.looksAt('[')) return parseSet(scanner, fold)
    if (this.#isRepeat()) throw scanner.error('there is nothing to repeat')
    if (scanner.take('.')) return { type: 'any', all: flags.all }
    if (scanner.take('^')) return { type: 'assertion', kind: flags.multiline ? 'lineStart' : 'start' }
    if (scanner.take('$')) return { type: 'assertion', kind: flags.multiline ? 'lineEnd' : 'end' }
    if (scanner.looksAt('\\')) return this.#escape(fold)
    return { type: 'character', code: scanner.next(), fold }
  }

  #escape(fold: boolean): Node {
    const scanner = this.#scanner
    if (scanner.match(/\\A/y)) return { type: 'assertion', kind: 'start' }
    if (scanner.match(/\\Z/y)) return { type: 'assertion', kind: 'textEnd' }
    if (scanner.match(/\\b/y)) return { type: 'assertion', kind: 'word' }
    if (scanner.match(/\\B/y)) return { type: 'assertion', kind: 'notWord' }
    const name = parseClassEscape(scanner)
    if (name !== undefined) return { type: 'set', negated: false, items: [name], fold: false }
    const reference = scanner.match(/\\([1-9]\d?)(?!\d)/y)
    if (reference !== undefined) return this.#backreference(Number(reference[1]), fold)
    return { type: 'character', code: parseEscape(scanner), fold }
  }

  #backreference(index: number, fold: boolean): Node {
    if (index > this.#groups) throw this.#scanner.error(`there is no group ${index} before this`)
    if (this.#open.has(index)) throw this.#scanner.error(`group ${index} is not closed yet`)
    return { type: 'backreference', index, fold }
  }

  #group(flags: Flags): Node {
    const scanner = this.#scanner
    const start = scanner.at
    const reference = scanner.match(/\(\?P=([^)]*)\)/y)
    if (reference !== undefined) return this.#backreference(this.#named(reference[1]!, start), flags.fold)
    const condition = scanner.match(/\(\?\(([^)]*)\)/y)
    if (condition !== undefined) return this.#conditional(condition[1]!, start, flags)
    const look = scanner.match(/\(\?(<?)([=!])/y)
    if (look !== undefined)
      return {
        type: 'look',
        ahead: look[1] === '',
        negated: look[2] === '!',
        item: this.#inside(start, flags),
      }
    if (scanner.match(/\(\?>/y)) return { type: 'atomic', item: this.#inside(start, flags) }
    const scoped = scanner.match(/\(\?([aiLmsux]*)(?:-([imsx]+))?:/y)
    if (scoped !== undefined) {
      const inner = { ...flags, ...flagsOf(scoped[1]!, true), ...flagsOf(scoped[2] ?? '', false) }
      return this.#inside(start, inner)
    }
    const named = scanner.match(/\(\?P<([^>]*)>/y)
    if (named === undefined) {
      if (scanner.peek(/\(\?/y)) throw scanner.error('a group that Python does not know')
      scanner.take('(')
    }
    return this.#capture(named?.[1], start, flags)
  }

  #capture(name: string | undefined, start: number, flags: Flags): Node {
    const index = ++this.#groups
    if (index > MOST_GROUPS) throw new RegexError(`there are more than ${MOST_GROUPS} groups`, start)
    if (name !== undefined) {
      if (!/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name))
        throw new RegexError(`${name} is no name of a group`, start)
      if (this.#names.has(name)) throw new RegexError(`there are two groups ${name}`, start)
      this.#names.set(name, index)
    }
    this.#open.add(index)
    const item = this.#inside(start, flags)
    this.#open.delete(index)
    return { type: 'group', index, item, ...(name !== undefined && { name }) }
  }

  /** What stands within a group whose start has been read, and its end. */
  #inside(start: number, flags: Flags): Node {
    if (++this.#depth > DEEPEST) throw new RegexError(`groups stand more than ${DEEPEST} deep`, start)
    const node = this.#choice(flags)
    if (!this.#scanner.take(')')) throw new RegexError('this ( is never closed', start)
    this.#depth--
    return node
  }

  #conditional(group: string, start: number, flags: Flags): Node {
    const index = /^\d+$/.test(group) ? Number(group) : this.#named(group, start)
    if (index < 1 || index > this.#groups)
      throw new RegexError(`there is no group ${group} before this`, start)
    const inside = this.#inside(start, flags)
    const branches = inside.type === 'choice' ? inside.items : [inside]
    if (branches.length > 2) throw new RegexError('a condition has two branches at most', start)
    return { type: 'conditional', index, yes: branches[0]!, no: branches[1] ?? EMPTY }
  }

  #named(name: string, start: number): number {
    const index = this.#names.get(name)
    if (index === undefined) throw new RegexError(`there is no group ${name} before this`, start)
    return index
  }
}

function flagsOf(letters: string, value: boolean): Partial<Flags> {
  return {
    ...(letters.includes('i') && { fold: value }),
    ...(letters.includes('s') && { all: value }),
    ...(letters.includes('m') && { multiline: value }),
    ...(letters.includes('x') && { verbose: value }),
  }
}
