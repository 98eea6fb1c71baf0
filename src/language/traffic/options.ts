import { CT_STATES } from '../../ruleset/symbols/host.js'
import { ICMP_TYPES, ICMPV6_TYPES, TCP_FLAGS } from '../../ruleset/symbols/messages.js'
import { PROTOCOLS } from '../../ruleset/symbols/protocols.js'
import { type Symbols, symbolValue } from '../../ruleset/symbols/symbols.js'
import { suggest } from '../diagnostic.js'
import { TextError, type Word } from './words.js'

/** What may be said of traffic beside its ends. */
export interface Options {
  /** A bit of CtState. */
  readonly state?: number
  readonly iif?: string
  readonly oif?: string
  /** TCP's flags. */
  readonly flags?: number
  /** Of ICMP. */
  readonly type?: number
  readonly code?: number
}

/** The options with a value that each may have. */
const OPTIONS: Readonly<Record<string, string>> = {
  state: 'new',
  iif: 'eth0',
  oif: 'eth0',
  flags: 'syn,ack',
  type: 'echo-request',
  code: '0',
}
const NAME = /^(?!\.{1,2}$)[^\s/:]{1,15}$/

/** What an option's value looks like; undefined if the word is no option. */
export function isOption(word: string): string | undefined {
  return Object.hasOwn(OPTIONS, word) ? OPTIONS[word] : undefined
}

/** The value of an option. Throws TextError. */
export function readOption({ text: option }: Word, value: Word, protocol: number | undefined): Options {
  switch (option) {
    case 'state':
      return { state: symbol(value, CT_STATES, 'connection state') }
    case 'iif':
    case 'oif':
      if (!NAME.test(value.text))
        throw new TextError(value, `${value.text} is no name of an interface`, 'such as eth0')
      return { [option]: value.text }
    case 'flags': {
      if (protocol !== PROTOCOLS.tcp)
        throw new TextError(value, 'only TCP has flags', 'write tcp, or no flags')
      const names = value.text.split(',').map((text) => ({ ...value, text }))
      return { flags: names.reduce((bits, name) => bits | symbol(name, TCP_FLAGS, 'flag of TCP'), 0) }
    }
    case 'type':
      if (protocol === PROTOCOLS.icmp) return { type: symbol(value, ICMP_TYPES, 'type of ICMP') }
      if (protocol === PROTOCOLS.icmpv6) return { type: symbol(value, ICMPV6_TYPES, 'type of ICMPv6') }
      throw new TextError(value, 'only ICMP has types', 'write icmp or icmpv6, or no type')
    default:
      if (protocol !== PROTOCOLS.icmp && protocol !== PROTOCOLS.icmpv6)
        throw new TextError(value, 'only ICMP has codes', 'write icmp or icmpv6, or no code')
      return { code: symbol(value, {}, 'code of ICMP') }
  }
}

/** The number that a name stands for, or a number of one byte as such. */
function symbol(word: Word, symbols: Symbols, noun: string): number {
  const { text } = word
  const number = symbolValue(symbols, text) ?? (/^\d{1,3}$/.test(text) ? Number(text) : undefined)
  if (number !== undefined && number < 256) return number
  const near = suggest(text, Object.keys(symbols))
  const known = Object.keys(symbols).length === 0 ? 'a number from 0 to 255' : Object.keys(symbols).join(', ')
  throw new TextError(word, `${text} is no ${noun}`, near === undefined ? known : `did you mean ${near}?`)
}
