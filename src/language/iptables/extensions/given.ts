import { parseAddress } from '../../../packet/address.js'
import { SERVICES } from '../../../ruleset/symbols/services.js'
import { symbolValue } from '../../../ruleset/symbols/symbols.js'
import type { Invertible } from '../../../ruleset/xtables.js'
import type { Span } from '../../nft/ast.js'
import type { Reader } from '../reader.js'
import type { Word } from '../words.js'

/** An option as it was written. */
export interface GivenOption {
  readonly name: string
  readonly words: readonly Word[]
  readonly inverted: boolean
  /** From the option's name to its last word. */
  readonly span: Span
}

const MAX32 = 2 ** 32 - 1

/** The options that were given to one match or target. */
export class Given {
  readonly reader: Reader
  /** The `-m NAME` or `-j NAME`, or the option that loaded it. */
  readonly span: Span
  readonly module: string
  readonly options: GivenOption[] = []

  constructor(reader: Reader, module: string, span: Span) {
    this.reader = reader
    this.module = module
    this.span = span
  }

  has(name: string): boolean {
    return this.options.some((option) => option.name === name)
  }

  option(name: string): GivenOption | undefined {
    return this.options.find((option) => option.name === name)
  }

  fail(message: string, hint?: string): never {
    return this.reader.fail(this.span, message, hint)
  }

  /** The first of options of which there must be one. */
  need(...names: readonly string[]): GivenOption {
    const found = this.options.find(({ name }) => names.includes(name))
    return found ?? this.fail(`${this.module} needs ${names.map((name) => `--${name}`).join(' or ')}`)
  }

  /** The one of several options that was given, if any; two are an error. */
  oneOf(...names: readonly string[]): GivenOption | undefined {
    const [first, second] = this.options.filter(({ name }) => names.includes(name))
    if (second !== undefined)
      this.reader.fail(second.span, `--${second.name} does not go with --${first!.name}`)
    return first
  }

  /** Only one of several options, which must be there. */
  needOne(...names: readonly string[]): GivenOption {
    return this.oneOf(...names) ?? this.need(...names)
  }

  /** What `!` makes of an option: spread into a node. */
  invert(option: GivenOption): Invertible {
    return option.inverted ? { invert: true } : {}
  }

  text(option: GivenOption, most: number): string {
    const word = option.words[0]!
    if (word.text.length > most) this.reader.fail(word, `--${option.name} has at most ${most} letters`)
    return word.text
  }

  /** An option's only number. */
  number(option: GivenOption, least = 0, most = MAX32): number {
    return this.numberOf(option.words[0]!, option.words[0]!.text, least, most)
  }

  /** A number as strtoul reads it: decimal, 0x and hexadecimal, or 0 and octal. */
  numberOf(word: Span, text: string, least = 0, most = MAX32): number {
    const value = unsigned(text)
    if (value === undefined) return this.reader.fail(word, `${text} is no number`)
    if (value < BigInt(least) || value > BigInt(most))
      return this.reader.fail(word, `${text} is out of range: ${least} to ${most}`)
    return Number(value)
  }

  big(word: Span, text: string, most: bigint): bigint {
    const value = unsigned(text)
    if (value === undefined) return this.reader.fail(word, `${text} is no number`)
    if (value > most) return this.reader.fail(word, `${text} is out of range: 0 to ${most}`)
    return value
  }

  /** A number, or two with a colon between, of which either may be missing. */
  range(option: GivenOption, most = MAX32): { from: number; to: number } & Invertible {
    const word = option.words[0]!
    const [from = '', to, more] = word.text.split(':')
    if (more !== undefined || word.text === '') this.reader.fail(word, `${word.text} is no range`)
    const low = from === '' ? 0 : this.numberOf(word, from, 0, most)
    const high = to === undefined ? low : to === '' ? most : this.numberOf(word, to, 0, most)
    if (low > high) this.reader.fail(word, `the range ${word.text} is empty`)
    return { from: low, to: high, ...this.invert(option) }
  }

  /** A port by its number or its name. */
  portOf(word: Span, text: string): number {
    if (/^\d/.test(text)) return this.numberOf(word, text, 0, 65_535)
    const port = symbolValue(SERVICES, text)
    return port ?? this.reader.failUnknown(word, `there is no service ${text}`, text, Object.keys(SERVICES))
  }

  ports(option: GivenOption): { from: number; to: number } & Invertible {
    const word = option.words[0]!
    const [from = '', to, more] = word.text.split(':')
    if (more !== undefined || word.text === '') this.reader.fail(word, `${word.text} is no range of ports`)
    const low = from === '' ? 0 : this.portOf(word, from)
    const high = to === undefined ? low : to === '' ? 65_535 : this.portOf(word, to)
    if (low > high) this.reader.fail(word, `the range ${word.text} is empty`)
    return { from: low, to: high, ...this.invert(option) }
  }

  /** A number of 32 bits with a mask behind a slash, if one is given. */
  masked(option: GivenOption): { value: number; mask: number } & Invertible {
    const word = option.words[0]!
    const [value = '', mask, more] = word.text.split('/')
    if (more !== undefined) this.reader.fail(word, `${word.text} is no number and mask`)
    return {
      value: this.numberOf(word, value),
      mask: mask === undefined ? MAX32 : this.numberOf(word, mask),
      ...this.invert(option),
    }
  }

  /** Words of a list with commas, each by its number in a table of names. */
  names<T>(option: GivenOption, known: Readonly<Record<string, T>>, what: string): T[] {
    const word = option.words[0]!
    return word.text.split(',').map((name) => this.nameOf(word, name, known, what))
  }

  /** A name of a table, in whatever case. */
  nameOf<T>(word: Span, name: string, known: Readonly<Record<string, T>>, what: string): T {
    const lower = name.toLowerCase()
    const found = Object.keys(known).find((each) => each.toLowerCase() === lower)
    if (found === undefined)
      return this.reader.failUnknown(word, `${name} is no ${what}`, lower, Object.keys(known))
    return known[found]!
  }

  address(word: Span, text: string, family: 'ip' | 'ip6'): bigint {
    const address = parseAddress(text)
    if (address === undefined || address.bits !== bitsOf(family))
      return this.reader.fail(word, `${text} is no ${family === 'ip' ? 'IPv4' : 'IPv6'} address`)
    return address.value
  }

  /** ADDRESS or ADDRESS/LENGTH or ADDRESS/MASK, the address cut by its mask. */
  network(word: Span, text: string, family: 'ip' | 'ip6'): { value: bigint; mask: bigint } {
    const slash = text.indexOf('/')
    const mask = slash < 0 ? allOnes(family) : this.mask(word, text.slice(slash + 1), family)
    const host = slash < 0 ? text : text.slice(0, slash)
    return { value: this.hostOf(word, host, family) & mask, mask }
  }

  mask(word: Span, text: string, family: 'ip' | 'ip6'): bigint {
    const bits = bitsOf(family)
    if (/^\d{1,3}$/.test(text) && Number(text) <= bits) return maskOf(Number(text), family)
    const mask = parseAddress(text)
    if (mask === undefined || mask.bits !== bits)
      return this.reader.fail(word, `${text} is no mask: a length of 0 to ${bits}, or an address`)
    return mask.value
  }

  /** An address; of IPv4, missing parts at the end are 0, as iptables reads them. */
  hostOf(word: Span, text: string, family: 'ip' | 'ip6'): bigint {
    const full = family === 'ip' && /^\d{1,3}(\.\d{1,3}){0,2}$/.test(text) ? padded(text) : text
    const address = parseAddress(full)
    if (address?.bits === bitsOf(family)) return address.value
    if (address !== undefined)
      return this.reader.fail(
        word,
        `${text} is an address of IPv${family === 'ip' ? 6 : 4}`,
        family === 'ip' ? 'ip6tables takes it' : 'iptables takes it',
      )
    return this.reader.fail(
      word,
      `${text} is no IPv${family === 'ip' ? 4 : 6} address`,
      /^[a-z][\w.-]*$/i.test(text) ? 'portcullis looks up no names: write the address' : undefined,
    )
  }
}

function padded(text: string): string {
  const parts = text.split('.')
  return [...parts, '0', '0', '0'].slice(0, 4).join('.')
}

export function bitsOf(family: 'ip' | 'ip6'): 32 | 128 {
  return family === 'ip' ? 32 : 128
}

export function allOnes(family: 'ip' | 'ip6'): bigint {
  return (1n << BigInt(bitsOf(family))) - 1n
}

export function maskOf(length: number, family: 'ip' | 'ip6'): bigint {
  const rest = BigInt(bitsOf(family) - length)
  return (allOnes(family) >> rest) << rest
}

/** The length of a mask whose ones all come first; undefined if they do not. */
export function lengthOf(mask: bigint, family: 'ip' | 'ip6'): number | undefined {
  const bits = bitsOf(family)
  for (let length = bits as number; length >= 0; length--) if (maskOf(length, family) === mask) return length
  return undefined
}

/** A number as strtoul reads it with base 0, of at most 64 bits. */
export function unsigned(text: string): bigint | undefined {
  if (/^0[0-7]{1,24}$/.test(text)) return BigInt(`0o${text.slice(1)}`)
  return /^(?:0|[1-9]\d{0,19}|0x[0-9a-f]{1,16})$/i.test(text) ? BigInt(text) : undefined
}
