/**
 * Traffic in words, as expectations and `explain` have it:
 *
 *     in tcp 10.0.0.7:40000 > 10.0.0.1:11434 [state new] [iif eth0] [flags syn]
 *     tcp from 10.0.0.7 to :11434
 *     anything to 10.0.2.0/24 except tcp to 10.0.2.10:5432
 */
import { PROTOCOLS } from '../../ruleset/symbols/protocols.js'
import { symbolName, symbolValue } from '../../ruleset/symbols/symbols.js'
import { suggest } from '../diagnostic.js'
import { type Endpoint, type Names, readEndpoint } from './endpoint.js'
import { isOption, type Options, readOption } from './options.js'
import { TextError, type Word, wordsOf } from './words.js'

export const DIRECTIONS = ['in', 'out', 'forward'] as const
export type Direction = (typeof DIRECTIONS)[number]

/** What the text leaves open is missing. */
export interface Traffic extends Options {
  readonly direction: Direction
  /** Of the transport; missing: anything. */
  readonly protocol?: number
  readonly from: Endpoint
  readonly to: Endpoint
  /** What is left out of it, each as if it stood alone. */
  readonly except: readonly Traffic[]
}

/** Words that end an endpoint. */
const ARROWS = ['>', '->', 'to']
const EXCEPT = 'except'
const ANYTHING = 'anything'
/** What may stand behind the protocol, beside ends. */
const KNOWN = ['from', 'to', EXCEPT, 'state', 'iif', 'oif', 'flags', 'type', 'code']
const PROTOCOL_HINT = 'write tcp, udp, icmp, icmpv6, another protocol by its name or number, or anything'
/** The longest text. */
const LONGEST = 4096

/** Reads a description of traffic. Throws TextError. */
export function parseTraffic(text: string, names: Names = new Map()): Traffic {
  if (text.length > LONGEST)
    throw new TextError({ start: 0, end: text.length }, 'the text is too long', `at most ${LONGEST} letters`)
  return new Parser(wordsOf(text), names, { start: text.length, end: text.length + 1 }).traffic()
}

/** The name of a protocol, or its number. */
export function protocolName(protocol: number): string {
  return protocol === PROTOCOLS.icmpv6 ? 'icmpv6' : (symbolName(PROTOCOLS, protocol) ?? String(protocol))
}

class Parser {
  readonly #words: readonly Word[]
  readonly #names: Names
  readonly #end: { start: number; end: number }
  #at = 0

  constructor(words: readonly Word[], names: Names, end: { start: number; end: number }) {
    this.#words = words
    this.#names = names
    this.#end = end
  }

  traffic(): Traffic {
    const whole = this.#one(undefined)
    const except: Traffic[] = []
    while (this.#peek()?.text === EXCEPT) {
      this.#at++
      except.push(this.#one(whole.direction))
    }
    const left = this.#peek()
    if (left !== undefined) throw this.#unexpected(left)
    return { ...whole, except }
  }

  #peek(): Word | undefined {
    return this.#words[this.#at]
  }

  #next(what: string, hint: string): Word {
    const word = this.#words[this.#at++]
    if (word === undefined) throw new TextError(this.#end, `${what} is missing`, hint)
    return word
  }

  /** Direction: what it has if it does not say so itself. */
  #one(direction: Direction | undefined): Traffic {
    const said = this.#direction()
    const protocol = this.#protocol()
    const { from, to } = this.#endpoints()
    const options: Options = {}
    for (let word = this.#peek(); word !== undefined && isOption(word.text); word = this.#peek()) {
      this.#at++
      const value = this.#next(`a value for ${word.text}`, `such as ${word.text} ${isOption(word.text)}`)
      Object.assign(options, readOption(word, value, protocol))
    }
    return {
      direction: said ?? direction ?? usualDirection(from, to),
      ...(protocol !== undefined && { protocol }),
      from,
      to,
      ...options,
      except: [],
    }
  }

  #direction(): Direction | undefined {
    const found = DIRECTIONS.find((word) => word === this.#peek()?.text)
    if (found !== undefined) this.#at++
    return found
  }

  #protocol(): number | undefined {
    const word = this.#next('a protocol', PROTOCOL_HINT)
    if (word.text === ANYTHING) return undefined
    const number = /^\d{1,3}$/.test(word.text) ? Number(word.text) : symbolValue(PROTOCOLS, word.text)
    if (number !== undefined && number < 256) return number
    const near = suggest(word.text, [...Object.keys(PROTOCOLS), ANYTHING, ...DIRECTIONS])
    const hint = near === undefined ? PROTOCOL_HINT : `did you mean ${near}?`
    throw new TextError(word, `${word.text} is no protocol`, hint)
  }

  /** `A > B`, or any of `from A` and `to B`. */
  #endpoints(): { from: Endpoint; to: Endpoint } {
    let from: Endpoint = {}
    let to: Endpoint = {}
    const first = this.#peek()?.text
    if (first !== undefined && this.#isMisspelt(first)) throw this.#unexpected(this.#peek()!)
    if (first === 'from') {
      this.#at++
      from = this.#endpoint()
    } else if (first !== undefined && !ARROWS.includes(first) && first !== EXCEPT && !isOption(first)) {
      from = this.#endpoint()
      if (!ARROWS.includes(this.#peek()?.text ?? ''))
        throw new TextError(
          this.#peek() ?? this.#end,
          'where it goes is missing',
          'write tcp 10.0.0.7:40000 > 10.0.0.1:22, in quotes, as a shell takes > for itself; or to in its place',
        )
    }
    if (ARROWS.includes(this.#peek()?.text ?? '')) {
      this.#at++
      to = this.#endpoint()
    }
    return { from, to }
  }

  #endpoint(): Endpoint {
    return readEndpoint(
      this.#next('an address', 'write 10.0.0.7, 10.0.0.7:22, [fd00::7]:22 or :22'),
      this.#names,
    )
  }

  /** Whether a word that stands where an end may stand is more likely one of ours. */
  #isMisspelt(word: string): boolean {
    return !KNOWN.includes(word) && !this.#names.has(word) && suggest(word, KNOWN) !== undefined
  }

  #unexpected(word: Word): TextError {
    const near = suggest(word.text, KNOWN)
    return new TextError(
      word,
      `${word.text} is not expected here`,
      near === undefined ? `known here: ${KNOWN.join(', ')}` : `did you mean ${near}?`,
    )
  }
}

/** To an address and from none, it is what this host sends; otherwise what it receives. */
function usualDirection(from: Endpoint, to: Endpoint): Direction {
  return from.addresses === undefined && to.addresses !== undefined ? 'out' : 'in'
}
