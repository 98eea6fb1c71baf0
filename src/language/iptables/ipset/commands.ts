/** Commands of ipset, in a script or as `ipset save` prints them: ipset(8). */
import { lastOf, parsePrefix } from '../../../packet/address.js'
import { PROTOCOLS } from '../../../ruleset/symbols/protocols.js'
import { attempt } from '../../reports.js'
import { bitsOf, Given } from '../extensions/given.js'
import { eachLine } from '../lines.js'
import type { Reader } from '../reader.js'
import { splitRestore, type Word } from '../words.js'
import { Ipset, type Ipsets, type Span, TYPES } from './sets.js'

const LOOKED_AT = 65_536

/** Whether a text is what `ipset save` prints. */
export function isIpsetSave(text: string): boolean {
  return /^(?:[ \t]*(?:#.*)?\r?\n)*create \S+ (?:hash|bitmap|list):/.test(text.slice(0, LOOKED_AT))
}

/** Reads a file of `ipset save`; what is wrong with it is reported. */
export function readIpsetSave(reader: Reader, sets: Ipsets): void {
  eachLine(reader, (start, line) => {
    const end = start + line.length
    const words = splitRestore(reader, start, end)
    if (words !== undefined) attempt(() => applyIpset(words, reader, sets))
    return end
  })
}

const COMMANDS: Readonly<Record<string, string>> = {
  '-N': 'create',
  '--create': 'create',
  '-A': 'add',
  '--add': 'add',
  '-D': 'del',
  '--del': 'del',
  '-F': 'flush',
  '--flush': 'flush',
  '-X': 'destroy',
  '--destroy': 'destroy',
  '-E': 'rename',
  '--rename': 'rename',
  '-W': 'swap',
  '--swap': 'swap',
}
const OLD_TYPES: Readonly<Record<string, string>> = {
  iphash: 'hash:ip',
  nethash: 'hash:net',
  ipporthash: 'hash:ip,port',
  ipportiphash: 'hash:ip,port,ip',
  ipportnethash: 'hash:ip,port,net',
  ipmap: 'bitmap:ip',
  portmap: 'bitmap:port',
  setlist: 'list:set',
}
const EVERYWHERE = /^(?:-!|-?-exist|-q|-?-quiet)$/
/** They only show something. */
const SHOWING = ['list', 'save', 'test', 'version', '-L', '-S', '-T']
const LONGEST_NAME = 31
/** Seconds: what ipset takes as a timeout at most (IPSET_MAX_TIMEOUT, include/linux/netfilter/ipset/ip_set.h). */
const LONGEST_TIMEOUT = 4_294_966

/** Applies one command to the sets. Throws Unusable, with the error reported, if it makes no sense. */
export function applyIpset(words: readonly Word[], reader: Reader, sets: Ipsets): void {
  const [command, name, ...rest] = words.filter(({ text }) => !EVERYWHERE.test(text))
  if (command === undefined || SHOWING.includes(command.text)) return
  new Command(reader, sets, command, name, rest).run()
}

class Command {
  readonly #reader: Reader
  readonly #sets: Ipsets
  readonly #command: Word
  readonly #name: Word | undefined
  readonly #words: Word[]

  constructor(reader: Reader, sets: Ipsets, command: Word, name: Word | undefined, words: Word[]) {
    this.#reader = reader
    this.#sets = sets
    this.#command = command
    this.#name = name
    this.#words = words
  }

  run(): void {
    const { text } = this.#command
    const command = Object.hasOwn(COMMANDS, text) ? COMMANDS[text]! : text
    if (command === 'create') this.#create(this.#next(this.#name, 'a name'))
    else if (command === 'add' || command === 'del') this.#change(command === 'add')
    else if (command === 'flush' || command === 'destroy') this.#empty(command === 'destroy')
    else if (command === 'rename' || command === 'swap') this.#rename(command === 'swap')
    else
      this.#reader.failUnknown(
        this.#command,
        `${text.slice(0, 40)} is no command of ipset that is read`,
        text,
        new Set([...Object.values(COMMANDS), ...SHOWING]),
      )
  }

  #empty(isDestroyed: boolean): void {
    const names = this.#name === undefined ? [...this.#sets.keys()] : [this.#name.text]
    if (this.#name !== undefined) this.#set(this.#name)
    for (const name of names) {
      if (isDestroyed) this.#sets.delete(name)
      else {
        this.#sets.get(name)!.elements.clear()
        this.#sets.get(name)!.members.clear()
      }
    }
  }

  #rename(isSwapped: boolean): void {
    const one = this.#next(this.#name, 'a set')
    const other = this.#next(this.#words.shift(), 'another name')
    const set = this.#set(one)
    if (isSwapped) this.#sets.set(one.text, this.#set(other))
    else this.#sets.delete(one.text)
    this.#sets.set(other.text, set)
  }

  #next(word: Word | undefined, what: string): Word {
    return word ?? this.#reader.fail(this.#command, `${what} is missing`)
  }

  #set(word: Word): Ipset {
    const { text } = word
    return (
      this.#sets.get(text) ??
      this.#reader.failUnknown(word, `there is no ipset ${text}`, text, this.#sets.keys())
    )
  }

  /** `create NAME TYPE [family inet6] [netmask N] [timeout N] …` */
  #create(name: Word): void {
    const reader: Reader = this.#reader
    if (name.text.length > LONGEST_NAME) reader.fail(name, `a set has a name of 1 to ${LONGEST_NAME} letters`)
    const word = this.#next(this.#words.shift(), 'a type')
    const type = Object.hasOwn(OLD_TYPES, word.text) ? OLD_TYPES[word.text]! : word.text
    if (!Object.hasOwn(TYPES, type))
      reader.refuse(
        word,
        `sets of the type ${word.text} are not read`,
        `those that are: ${Object.keys(TYPES).join(' ')}`,
      )
    const given = new Given(reader, 'ipset', word)
    const options = this.#options()
    const number = (key: string, most: number) => {
      const value = options.get(key)
      return value && given.numberOf(value, value.text, 0, most)
    }
    const text = options.get('family')?.text ?? 'inet'
    const known = { inet: 'ip', ipv4: 'ip', inet6: 'ip6', ipv6: 'ip6' } as const
    const family = given.nameOf(options.get('family') ?? word, text, known, 'family: inet or inet6')
    const timeout = number('timeout', LONGEST_TIMEOUT)
    this.#sets.set(
      name.text,
      new Ipset(
        type,
        type === 'bitmap:port' || type === 'list:set' ? undefined : family,
        reader.position(name),
        {
          netmask: number('netmask', bitsOf(family)),
          timeout: timeout && timeout * 1000,
        },
      ),
    )
  }

  /** Options of a set or an element: most have a value. */
  #options(): Map<string, Word> {
    const options = new Map<string, Word>()
    for (let word = this.#words.shift(); word !== undefined; word = this.#words.shift()) {
      const key = word.text.replace(/^--/, '')
      // Of a set, `comment` is a switch; of an element, the comment follows.
      const bare = BARE.includes(key) || (key === 'comment' && TYPES_TAKE_COMMENTS.test(this.#command.text))
      if (!bare && !VALUED.includes(key))
        this.#reader.failUnknown(word, `${word.text} is no option of ipset that is read`, key, [
          ...BARE,
          ...VALUED,
        ])
      options.set(key, bare ? word : this.#next(this.#words.shift(), `the value of ${key}`))
    }
    return options
  }

  #change(isAdded: boolean): void {
    const set = this.#set(this.#next(this.#name, 'a set'))
    const word = this.#next(this.#words.shift(), 'an element')
    if (set.type === 'list:set') {
      if (isAdded) set.members.add(this.#set(word) && word.text)
      else set.members.delete(word.text)
      return
    }
    const options = this.#options()
    if (!isAdded) {
      if (!set.elements.delete(word.text))
        this.#reader.fail(word, `${word.text} is not in ${this.#name!.text}`)
      return
    }
    const nomatch = options.has('nomatch')
    if (nomatch && set.parts.length > 1)
      this.#reader.refuse(options.get('nomatch')!, `nomatch is read in sets of the type hash:net only`)
    const own = options.get('timeout')
    const given = new Given(this.#reader, 'ipset', word)
    const timeout = own === undefined ? set.timeout : given.numberOf(own, own.text, 0, LONGEST_TIMEOUT) * 1000
    if (own !== undefined && set.timeout === undefined)
      this.#reader.fail(own, `${this.#name!.text} was created without timeout: its elements stay`)
    const spans = this.#spans(set, word)
    set.elements.set(word.text, { spans, nomatch, ...(timeout ? { timeout } : {}) })
  }

  #spans(set: Ipset, word: Word): Span[] {
    const reader: Reader = this.#reader
    const texts = word.text.split(',')
    if (texts.length !== set.parts.length)
      reader.fail(word, `${word.text} is no element of ${set.type}: it has ${set.parts.length} parts`)
    return set.parts.flatMap((part, i) => {
      const text = texts[i]!
      if (part === 'bare port') return [this.#ports(word, text.replace(/^(?:tcp|udp):/, ''))]
      return part === 'port' ? this.#protocolPorts(word, text) : [this.#addresses(set, word, text)]
    })
  }

  /** `tcp:80`, `80` (of TCP), `udp:1000-2000` */
  #protocolPorts(word: Word, text: string): Span[] {
    const colon = text.indexOf(':')
    const name = colon < 0 ? 'tcp' : text.slice(0, colon)
    const protocol = PORTED.find((each) => each === name || String(PROTOCOLS[each]) === name)
    if (protocol === undefined)
      return this.#reader.refuse(
        word,
        `elements of ${name} are not read: ${PORTED.join(', ')} have ports`,
        'write a rule of iptables for it',
      )
    const number = BigInt(PROTOCOLS[protocol]!)
    return [{ from: number, to: number }, this.#ports(word, text.slice(colon + 1))]
  }

  #ports(word: Word, text: string): Span {
    const [low = '', high = low] = text.split('-')
    const given = new Given(this.#reader, 'ipset', word)
    const span = { from: BigInt(given.portOf(word, low)), to: BigInt(given.portOf(word, high)) }
    if (span.to < span.from) this.#reader.fail(word, `the range ${text} is empty`)
    return span
  }

  /** An address, a prefix or a range. */
  #addresses({ family = 'ip', netmask }: Ipset, word: Word, text: string): Span {
    const [low = '', high] = text.split('-')
    const prefix = parsePrefix(low)
    const end = high === undefined ? prefix : parsePrefix(high)
    const bits = bitsOf(family)
    if (prefix?.bits !== bits || end?.bits !== bits)
      return this.#reader.fail(word, `${text} is no IPv${family === 'ip' ? 4 : 6} address, prefix or range`)
    const span = { from: prefix.value, to: lastOf(end) }
    if (span.to < span.from) this.#reader.fail(word, `the range ${text} is empty`)
    if (netmask === undefined) return span
    const rest = (1n << BigInt(bits - netmask)) - 1n
    return { from: span.from & ~rest, to: span.to | rest }
  }
}

const TYPES_TAKE_COMMENTS = /^(?:create|-N|--create)$/
const BARE = ['counters', 'skbinfo', 'forceadd', 'nomatch']
const VALUED = [
  'family',
  'hashsize',
  'maxelem',
  'bucketsize',
  'initval',
  'netmask',
  'timeout',
  'range',
  'size',
  'packets',
  'bytes',
  'comment',
  'skbmark',
  'skbprio',
  'skbqueue',
]
const PORTED = ['tcp', 'udp', 'sctp', 'udplite'] as const
