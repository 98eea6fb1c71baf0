/** A rule of a ufw command (ufw(8), RULE SYNTAX). */
import { parseAddress, parsePrefix } from '../../packet/address.js'
import type { Reader } from '../iptables/reader.js'
import type { Word } from '../iptables/words.js'
import { type Application, applicationNamed, inOrder, type PortPair, pairsOf } from './applications.js'
import { serviceOf } from './services.js'

export const ACTIONS = ['allow', 'deny', 'reject', 'limit'] as const
export type Action = (typeof ACTIONS)[number]

export interface UfwRule {
  readonly action: Action
  readonly direction: 'in' | 'out'
  readonly route: boolean
  readonly log?: 'log' | 'log-all'
  readonly interfaceIn?: string
  readonly interfaceOut?: string
  readonly protocol: string
  readonly source: Side
  readonly destination: Side
  /** Of a rule about application profiles: their names, and the ports and protocols in place of those above. */
  readonly applications?: { readonly names: string; readonly pairs: readonly PortPair[] }
  /** The families that it is for. */
  readonly families: readonly ('ip' | 'ip6')[]
  /** All of the command. */
  readonly word: Word
}

export interface Side {
  /** As iptables takes it; undefined: any. */
  readonly address?: string
  /** As iptables takes it: a port, or a list of ports and ranges; undefined: any. */
  readonly port?: string
}

const PROTOCOLS = ['any', 'tcp', 'udp', 'ipv6', 'esp', 'ah', 'igmp', 'gre', 'vrrp']
const PORTLESS = PROTOCOLS.slice(3)
const IPV4_ONLY = ['ipv6', 'igmp']
const MOST_PORTS = 15

/** Reads the words of a rule, from its action on. Throws Unusable, with the error reported. */
export function readUfwRule(
  reader: Reader,
  words: readonly Word[],
  whole: Word,
  route: boolean,
  known: readonly Application[],
): UfwRule {
  return new UfwRuleReader(reader, words, whole, route, known).read()
}

class UfwRuleReader {
  readonly #reader: Reader
  readonly #words: Word[]
  readonly #whole: Word
  readonly #route: boolean
  readonly #known: readonly Application[]
  readonly #applications: { source?: Application; destination?: Application } = {}
  #protocol = 'any'
  #services: string[] = []
  #families: readonly ('ip' | 'ip6')[] = ['ip', 'ip6']
  readonly #sides: { source: Side; destination: Side } = { source: {}, destination: {} }
  readonly #interfaces: { in?: string; out?: string } = {}

  constructor(
    reader: Reader,
    words: readonly Word[],
    whole: Word,
    route: boolean,
    known: readonly Application[],
  ) {
    this.#known = known
    this.#reader = reader
    this.#words = [...words]
    this.#whole = whole
    this.#route = route
  }

  read(): UfwRule {
    const reader: Reader = this.#reader
    const first = this.#next('an action')
    const action = ACTIONS.find((name) => name === first.text.toLowerCase())
    if (action === undefined)
      return reader.failUnknown(first, `${first.text} is no action`, first.text, ACTIONS)
    const direction = this.#directions()
    const log = this.#take(/^log(?:-all)?$/)
    const [only, more] = this.#words
    if (
      only !== undefined &&
      (more === undefined || more.text === 'comment') &&
      !/^(?:to|from|proto)$/.test(only.text)
    )
      this.#short(this.#next('a port'))
    this.#clauses()
    this.#check()
    return {
      action,
      direction,
      route: this.#route,
      ...(log && { log: log.text as 'log' }),
      ...(this.#interfaces.in && { interfaceIn: this.#interfaces.in }),
      ...(this.#interfaces.out && { interfaceOut: this.#interfaces.out }),
      protocol: this.#protocol,
      ...this.#sides,
      ...this.#applicationPorts(),
      families: this.#families,
      word: this.#whole,
    }
  }

  #next(what: string): Word {
    const word = this.#words.shift()
    return word ?? this.#reader.fail({ at: this.#whole.end - 1, end: this.#whole.end }, `${what} is missing`)
  }

  #take(pattern: RegExp): Word | undefined {
    return pattern.test(this.#words[0]?.text ?? '') ? this.#words.shift() : undefined
  }

  /** `in`, `out`, `in on eth0`; both in a rule for routed packets. */
  #directions(): 'in' | 'out' {
    let direction: 'in' | 'out' = 'in'
    for (let word = this.#take(/^(?:in|out)$/i); word !== undefined; word = this.#take(/^(?:in|out)$/i)) {
      direction = word.text.toLowerCase() as 'in'
      if (this.#take(/^on$/i) === undefined) {
        if (this.#route)
          this.#reader.fail(
            word,
            `in a rule for routed packets, ${word.text} needs an interface: ${word.text} on NAME`,
          )
        break
      }
      const name = this.#next('an interface')
      if (!/^[\w.+,=%@-]{1,15}$/.test(name.text) || /^\.\.?$/.test(name.text))
        this.#reader.fail(name, `${name.text} is no name of an interface`)
      if (this.#interfaces[direction] !== undefined)
        this.#reader.fail(word, `there are two interfaces ${direction}`)
      this.#interfaces[direction] = name.text
      if (!this.#route) break
    }
    return this.#route ? 'in' : direction
  }

  /** `80`, `80/tcp`, `ssh` */
  #short(word: Word): void {
    const application = serviceOf(word.text) === undefined && applicationNamed(word.text, this.#known)
    if (application) {
      this.#applications.destination = application
      return
    }
    const [port = '', protocol, more] = word.text.split('/')
    if (more !== undefined) this.#reader.fail(word, `${word.text} is no port`)
    if (protocol !== undefined) this.#setProtocol({ ...word, text: protocol })
    if (!/^\d/.test(port) && serviceOf(port) === undefined) this.#unknown(word)
    this.#sides.destination = this.#port(word, port)
  }

  #unknown(word: Word): never {
    return this.#reader.refuse(
      word,
      `${word.text} is neither a service nor an application profile that is known here`,
      'put the folder applications.d that has it beside the script, or write its ports, such as 22/tcp',
    )
  }

  #clauses(): void {
    const reader: Reader = this.#reader
    let side: 'source' | 'destination' | undefined
    const seen = new Set<string>()
    while (this.#words.length > 0) {
      const word = this.#next('')
      const key = word.text.toLowerCase()
      if (['to', 'from', 'proto', 'comment'].includes(key) && seen.has(key))
        this.#reader.fail(word, `${key} is there already`)
      seen.add(key)
      if (key === 'comment') this.#next('a text')
      else if (key === 'proto') this.#setProtocol(this.#next('a protocol'))
      else if (key === 'from' || key === 'to') {
        side = key === 'from' ? 'source' : 'destination'
        const address = this.#next('an address')
        this.#sides[side] = { ...this.#sides[side], ...this.#address(address) }
      } else if (key === 'port' || key === 'app') {
        if (side === undefined) reader.fail(word, `${key} needs from or to before it`)
        const value = this.#next('a port')
        if (this.#sides[side].port !== undefined || this.#applications[side] !== undefined)
          reader.fail(word, 'there are two ports')
        if (key === 'app') {
          this.#applications[side] = applicationNamed(value.text, this.#known) ?? this.#unknown(value)
          continue
        }
        this.#sides[side] = { ...this.#sides[side], ...this.#port(value, value.text) }
      } else
        this.#reader.failUnknown(word, `${word.text} is out of place here`, key, [
          'to',
          'from',
          'proto',
          'port',
          'comment',
        ])
    }
    const bare =
      Object.values(this.#sides).every(({ port }) => port === undefined) &&
      Object.keys(this.#applications).length === 0
    if (bare && !seen.has('to') && !seen.has('from') && Object.keys(this.#interfaces).length === 0)
      this.#reader.fail(this.#whole, 'this rule says not what it is about', 'a port, or to any')
  }

  #setProtocol(word: Word): void {
    if (!PROTOCOLS.includes(word.text))
      this.#reader.failUnknown(word, `${word.text} is no protocol that ufw knows`, word.text, PROTOCOLS)
    this.#protocol = word.text
  }

  #address(word: Word): Side {
    const text = word.text.toLowerCase()
    if (text === 'any') return {}
    const [base = '', mask] = text.split('/')
    const prefix = parsePrefix(text)
    const dotted = mask !== undefined && parseAddress(mask)?.bits === 32 && parseAddress(base)?.bits === 32
    if (prefix === undefined && !dotted)
      return this.#reader.fail(word, `${word.text} is no address or prefix`)
    const family = dotted || prefix!.bits === 32 ? 'ip' : 'ip6'
    if (!this.#families.includes(family))
      this.#reader.fail(word, 'one rule has addresses of one IP version only')
    this.#families = [family]
    return { address: text }
  }

  #port(word: Word, text: string): Side {
    if (text === 'any') return {}
    const service = serviceOf(text)
    if (service !== undefined && !/^\d/.test(text)) {
      this.#services.push(service.protocol)
      return { port: String(service.port) }
    }
    const parts = text.split(',')
    const slots = text.split(/[,:]/).length
    if (slots > MOST_PORTS) this.#reader.fail(word, `these are more than ${MOST_PORTS} ports`)
    for (const part of parts) {
      const ends = part.split(':')
      const fits =
        ends.length <= 2 &&
        ends.every((end) => /^\d{1,5}$/.test(end) && Number(end) >= 1 && Number(end) <= 65_535)
      if (!fits || (ends.length === 2 && Number(ends[0]) >= Number(ends[1])))
        this.#reader.fail(
          word,
          `${part} is no port: 1 to 65535, two of them with a colon, or a service's name`,
        )
    }
    return { port: inOrder(text) }
  }

  #applicationPorts(): Pick<UfwRule, 'applications'> {
    const { source, destination } = this.#applications
    if (source === undefined && destination === undefined) return {}
    const names = `${source?.name ?? ''}/${destination?.name ?? ''}`
    return { applications: { names, pairs: pairsOf(source, destination) } }
  }

  #check(): void {
    const reader: Reader = this.#reader
    if (Object.keys(this.#applications).length > 0 && this.#protocol !== 'any')
      reader.fail(this.#whole, 'an application profile says its protocols itself: proto does not go with it')
    const named = this.#services.filter((protocol) => protocol !== 'any')
    const [protocol, other] = new Set(named)
    if (
      other !== undefined ||
      (protocol !== undefined && this.#protocol !== 'any' && this.#protocol !== protocol)
    )
      reader.fail(this.#whole, 'these services have different protocols')
    if (protocol !== undefined) this.#protocol = protocol
    const ports = [this.#sides.source.port, this.#sides.destination.port].filter((port) => port !== undefined)
    if (PORTLESS.includes(this.#protocol) && ports.length > 0)
      reader.fail(this.#whole, `${this.#protocol} has no ports`)
    if (ports.some((port) => /[,:]/.test(port)) && this.#protocol === 'any')
      reader.fail(this.#whole, 'several ports need a protocol: proto tcp, or proto udp')
    if (!IPV4_ONLY.includes(this.#protocol)) return
    if (!this.#families.includes('ip')) reader.fail(this.#whole, `${this.#protocol} is of IPv4`)
    this.#families = ['ip']
  }
}
