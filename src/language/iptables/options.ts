/** Takes a command of iptables apart into its options, as getopt_long does it (iptables(8)). */
import type { IpFamily, MatchExtension, OptionShape, TargetExtension } from './extensions/extension.js'
import { Given } from './extensions/given.js'
import {
  MATCH_NAMES,
  matchExtension,
  REFUSED_MATCHES,
  REFUSED_TARGETS,
  targetExtension,
} from './extensions/known.js'
import { protocolNumber } from './protocols.js'
import type { Reader } from './reader.js'
import type { Word } from './words.js'

/** Options of every rule and command, by their letters; how many words follow, or how many there may be. */
const CORE: Readonly<Record<string, { words: number; maybe?: number; invert?: true }>> = {
  A: { words: 1 },
  C: { words: 1 },
  D: { words: 1, maybe: 1 },
  E: { words: 2 },
  F: { words: 0, maybe: 1 },
  I: { words: 1, maybe: 1 },
  L: { words: 0, maybe: 2 },
  N: { words: 1 },
  P: { words: 2 },
  R: { words: 2 },
  S: { words: 0, maybe: 2 },
  X: { words: 0, maybe: 1 },
  Z: { words: 0, maybe: 2 },
  p: { words: 1, invert: true },
  s: { words: 1, invert: true },
  d: { words: 1, invert: true },
  i: { words: 1, invert: true },
  o: { words: 1, invert: true },
  f: { words: 0, invert: true },
  j: { words: 1 },
  g: { words: 1 },
  m: { words: 1 },
  t: { words: 1 },
  c: { words: 2 },
  v: { words: 0 },
  n: { words: 0 },
  x: { words: 0 },
  w: { words: 0, maybe: 1 },
  W: { words: 1 },
  M: { words: 1 },
  4: { words: 0 },
  6: { words: 0 },
}

const LONG: Readonly<Record<string, string>> = {
  append: 'A',
  check: 'C',
  delete: 'D',
  'rename-chain': 'E',
  flush: 'F',
  insert: 'I',
  list: 'L',
  'new-chain': 'N',
  policy: 'P',
  replace: 'R',
  'list-rules': 'S',
  'delete-chain': 'X',
  zero: 'Z',
  protocol: 'p',
  source: 's',
  src: 's',
  destination: 'd',
  dst: 'd',
  'in-interface': 'i',
  'out-interface': 'o',
  fragments: 'f',
  jump: 'j',
  goto: 'g',
  match: 'm',
  table: 't',
  'set-counters': 'c',
  verbose: 'v',
  numeric: 'n',
  exact: 'x',
  'line-numbers': 'n',
  wait: 'w',
  'wait-interval': 'W',
  modprobe: 'M',
  ipv4: '4',
  ipv6: '6',
}

/** Letters that say what is to be done, and those that may stand more than once. */
const COMMANDS = 'ACDEFILNPRSXZ'
const REPEATED = 'vnxwW'

export interface CoreOption {
  readonly letter: string
  readonly word: Word
  readonly words: readonly Word[]
  readonly inverted: boolean
}

/** A match or target that was loaded, with its options. */
export interface Loaded<T> {
  readonly extension: T
  readonly given: Given
}

/** A command, taken apart. */
export interface Options {
  /** What is to be done: `-A`, `-P` …; undefined if nothing is. */
  readonly command: CoreOption | undefined
  readonly core: ReadonlyMap<string, CoreOption>
  readonly matches: readonly Loaded<MatchExtension>[]
  /** The target of `-j`, where it is an extension. */
  readonly target: Loaded<TargetExtension> | undefined
}

/** Throws Unusable, with the error reported, if the words make no sense. */
export function readOptions(reader: Reader, words: readonly Word[], family: IpFamily): Options {
  return new OptionReader(reader, words, family).read()
}

class OptionReader {
  readonly #reader: Reader
  readonly #words: readonly Word[]
  readonly #family: IpFamily
  #at = 0
  #command: CoreOption | undefined
  readonly #core = new Map<string, CoreOption>()
  readonly #matches: Loaded<MatchExtension>[] = []
  #target: Loaded<TargetExtension> | undefined
  #protocolLoaded = false

  constructor(reader: Reader, words: readonly Word[], family: IpFamily) {
    this.#reader = reader
    this.#words = words
    this.#family = family
  }

  read(): Options {
    while (this.#at < this.#words.length) {
      let word = this.#words[this.#at++]!
      const inverted = word.text === '!'
      if (inverted) {
        const next = this.#words[this.#at++]
        if (next === undefined) return this.#reader.fail(word, 'nothing follows this !')
        word = next
      }
      if (word.text.startsWith('--') && word.text.length > 2) this.#long(word, inverted)
      else if (/^-[A-Za-z46]$/.test(word.text)) this.#letter(word, word.text[1]!, inverted)
      else if (/^-[A-Za-z]/.test(word.text))
        this.#reader.fail(
          word,
          `${word.text} is no option`,
          `an option and its value are two words: ${word.text.slice(0, 2)} ${word.text.slice(2)}`,
        )
      else this.#reader.fail(word, `${word.text} is out of place here`)
    }
    return { command: this.#command, core: this.#core, matches: this.#matches, target: this.#target }
  }

  #letter(word: Word, letter: string, inverted: boolean): void {
    const shape = CORE[letter]
    if (shape === undefined) this.#reader.fail(word, `there is no option ${word.text}`)
    if (inverted && !shape.invert) this.#reader.fail(word, `${word.text} cannot be inverted`)
    const joined = letter === 'c' ? /^(\d+),(\d+)$/.exec(this.#words[this.#at]?.text ?? '') : null
    const words = joined === null ? this.#take(word, shape.words) : this.#halves(joined)
    for (let i = 0; i < (shape.maybe ?? 0); i++) {
      const next = this.#words[this.#at]
      const number = letter === 'D' || letter === 'I' || letter === 'w'
      if (next === undefined || !(number ? /^\d+$/ : /^[^-!]/).test(next.text)) break
      words.push(next)
      this.#at++
    }
    const option: CoreOption = { letter, word, words, inverted }
    if (COMMANDS.includes(letter)) {
      const zeroing =
        (letter === 'Z' && this.#command?.letter === 'L') || (letter === 'L' && this.#command?.letter === 'Z')
      if (this.#command !== undefined && !zeroing)
        this.#reader.fail(word, `a command does one thing: ${this.#command.word.text} is there already`)
      this.#command = letter === 'L' && zeroing ? this.#command : option
      return
    }
    if (letter === 'm') {
      this.#loadMatch(words[0]!, word)
      return
    }
    if (letter === 'j') this.#loadTarget(words[0]!, word)
    if (this.#core.has(letter) && !REPEATED.includes(letter))
      this.#reader.fail(word, `${word.text} is there already`)
    this.#core.set(letter, option)
  }

  /** `5,10` instead of two words. */
  #halves([, first = '', second = '']: RegExpExecArray): Word[] {
    const { at, end } = this.#words[this.#at++]!
    return [first, second].map((text) => ({ text, at, end }))
  }

  #take(word: Word, count: number): Word[] {
    const words = this.#words.slice(this.#at, this.#at + count)
    if (words.length < count)
      this.#reader.fail(word, `${word.text} needs ${count === 1 ? 'a value' : 'two values'}`)
    this.#at += count
    return words
  }

  #loadMatch(name: Word, option: Word): void {
    const span = { at: option.at, end: name.end }
    const refused = REFUSED_MATCHES[name.text]
    if (refused !== undefined) this.#reader.refuse(name, `the match ${name.text} is not read: ${refused}`)
    const extension = matchExtension(name.text, this.#family)
    if (extension === undefined)
      this.#reader.failUnknown(name, `there is no match ${name.text}`, name.text, MATCH_NAMES)
    this.#matches.push({ extension, given: new Given(this.#reader, name.text, span) })
  }

  #loadTarget(name: Word, option: Word): void {
    const refused = Object.hasOwn(REFUSED_TARGETS, name.text) ? REFUSED_TARGETS[name.text] : undefined
    if (refused !== undefined) this.#reader.refuse(name, `the target ${name.text} is not read: ${refused}`)
    const extension = targetExtension(name.text, this.#family)
    if (extension === undefined) return
    const span = { at: option.at, end: name.end }
    this.#target = { extension, given: new Given(this.#reader, name.text, span) }
  }

  #long(word: Word, inverted: boolean): void {
    const [name = '', ...rest] = word.text.slice(2).split('=')
    const value = rest.length > 0 ? rest.join('=') : undefined
    const core = Object.hasOwn(LONG, name) ? LONG[name] : undefined
    if (core !== undefined) {
      if (value !== undefined)
        this.#reader.fail(
          word,
          `${word.text} is no option`,
          `an option and its value are two words: --${name} ${value}`,
        )
      this.#letter(word, core, inverted)
      return
    }
    const found = this.#find(word, name)
    if (typeof found === 'string') this.#letter(word, found, inverted)
    else this.#give(found.loaded, found.name, found.shape, word, value, inverted)
  }

  /** The option that a name, or the beginning of one, means. */
  #find(word: Word, name: string): string | { loaded: Loaded<unknown>; name: string; shape: OptionShape } {
    const exact = this.#ofExtensions(name) ?? this.#beginning(name)
    if (exact !== undefined) return exact
    // The protocol's own match comes unasked.
    const protocol = this.#core.get('p')
    if (protocol !== undefined && !this.#protocolLoaded) {
      this.#protocolLoaded = true
      const module = moduleOf(protocolNumber(this.#reader, protocol.words[0]!))
      const extension = module === undefined ? undefined : matchExtension(module, this.#family)
      const loaded = this.#matches.some(({ given }) => given.module === module)
      if (extension !== undefined && !loaded) {
        const given = new Given(this.#reader, module!, protocol.words[0]!)
        this.#matches.push({ extension, given })
        const own = this.#ofExtensions(name)
        if (own !== undefined) return own
        if (!this.#beginnings(name).some((each) => typeof each !== 'string' && each.loaded.given === given))
          this.#matches.pop()
      }
    }
    const found = this.#beginning(name)
    if (found !== undefined) return found
    if (this.#beginnings(name).length > 0) return this.#reader.fail(word, `--${name} is ambiguous`)
    const known = [
      ...Object.keys(LONG),
      ...this.#all().flatMap(({ extension }) => Object.keys(extension.options)),
    ]
    return this.#reader.failUnknown(
      word,
      `there is no option --${name}${this.#all().length === 0 ? '' : ' of what stands before it'}`,
      name,
      known,
    )
  }

  /** What has been loaded, the latest first. */
  #all(): Loaded<MatchExtension | TargetExtension>[] {
    return [...(this.#target === undefined ? [] : [this.#target]), ...this.#matches.toReversed()]
  }

  #ofExtensions(name: string) {
    for (const loaded of this.#all()) {
      const { options } = loaded.extension
      if (Object.hasOwn(options, name))
        return { loaded, name: options[name]!.same ?? name, shape: options[name]! }
    }
    return undefined
  }

  /** The only option that begins so. */
  #beginning(name: string) {
    const [first, ...others] = this.#beginnings(name)
    return others.every((each) => sameOption(each, first)) ? first : undefined
  }

  #beginnings(name: string): (string | { loaded: Loaded<unknown>; name: string; shape: OptionShape })[] {
    const core = Object.keys(LONG).filter((each) => each.startsWith(name))
    const own = this.#all().flatMap((loaded) =>
      Object.entries(loaded.extension.options)
        .filter(([each]) => each.startsWith(name))
        .map(([each, shape]) => ({ loaded, name: shape.same ?? each, shape })),
    )
    return [...core.map((each) => LONG[each]!), ...own]
  }

  #give(
    { given }: Loaded<unknown>,
    name: string,
    shape: OptionShape,
    word: Word,
    value: string | undefined,
    inverted: boolean,
  ): void {
    if (inverted && !shape.invert) this.#reader.fail(word, `--${name} cannot be inverted`)
    if (given.has(name) && !shape.repeat) this.#reader.fail(word, `--${name} is there already`)
    const inline = value === undefined ? [] : [{ text: value, at: word.end - value.length, end: word.end }]
    const next = this.#words[this.#at]
    const count =
      shape.words === 'maybe' ? (next === undefined || next.text.startsWith('-') ? 0 : 1) : (shape.words ?? 1)
    if (inline.length > count) this.#reader.fail(word, `--${name} takes no value`)
    const words = [...inline, ...this.#take(word, count - inline.length)]
    const end = words.at(-1)?.end ?? word.end
    given.options.push({ name, words, inverted, span: { at: word.at, end } })
  }
}

function sameOption(a: unknown, b: unknown): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b
  const [x, y] = [a, b] as { loaded: unknown; name: string }[]
  return x!.loaded === y!.loaded && x!.name === y!.name
}

const MODULES: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  50: 'esp',
  51: 'ah',
  58: 'icmp6',
  108: 'ipcomp',
  132: 'sctp',
  135: 'mh',
}

/** The match that a protocol brings with it. */
function moduleOf(protocol: number): string | undefined {
  return MODULES[protocol]
}
