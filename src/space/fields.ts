/** The fields of packets as variables of a diagram: some in a fixed order, others behind them as they are asked for. */
import { type ColumnName, CtState, Family, type HookName } from '../packet/packet.js'
import type { Selector, Statement } from '../ruleset/model.js'
import { selectorInfo, selectorText } from '../ruleset/selectors.js'
import { ALL, type Diagram, EMPTY, type Node } from './diagram.js'
import { constant, equal, type Vector, within } from './vectors.js'

/** A field: the variables that say whether a packet has it, and those of its value, most significant first. */
export interface Field {
  readonly name: FieldName | 'other'
  /** The variables that say that the packet has so many bytes of it; a packet without has none of the next either. */
  readonly presence: readonly number[]
  readonly bits: readonly number[]
  /** Of the fields that are asked for by the way. */
  readonly selector?: Selector
}

/** A statement whose answer is not in the packet: a variable of its own. */
export interface Opaque {
  readonly variable: number
  readonly statement: Statement
}

/** An IP version, by the family of its tables. */
export type Version = 'ip' | 'ip6'

const FIELDS = [
  { name: 'l4proto', presence: 1, bits: 8 },
  // The first two bytes of the transport header: the source port, or ICMP's type and code.
  { name: 'sport', presence: 2, bits: 16 },
  { name: 'dport', presence: 1, bits: 16 },
  { name: 'ctState', presence: 0, bits: 3 },
  { name: 'iifname', presence: 0, bits: 128 },
  { name: 'oifname', presence: 0, bits: 128 },
  { name: 'daddr4', presence: 0, bits: 32 },
  { name: 'saddr4', presence: 0, bits: 32 },
  { name: 'daddr6', presence: 0, bits: 128 },
  { name: 'saddr6', presence: 0, bits: 128 },
  { name: 'tcpFlags', presence: 1, bits: 8 },
  { name: 'mark', presence: 0, bits: 32 },
] as const
export type FieldName = (typeof FIELDS)[number]['name']

/** The states of connections by their number in the field, the most common first. */
export const STATES = ['new', 'established', 'related', 'invalid', 'untracked'] as const

const TCP = 6
const CT_STATE_BITS = 32
const AUTHENTICATION = 51
/** Headers of IPv6 that another follows (see packet/ipv6.ts). */
const EXTENSIONS = [0, 43, 44, 60]
/** Bits of the two ports. */
const PORTS_BITS = 32

export class Fields {
  readonly diagram: Diagram
  readonly #fields = new Map<string, Field>()
  readonly #opaque = new Map<string, number[]>()
  readonly #statements = new Map<number, Opaque>()
  #next = 0

  constructor(diagram: Diagram) {
    this.diagram = diagram
    for (const { name, presence, bits } of FIELDS) this.#fields.set(name, this.#add(name, presence, bits))
  }

  field(name: FieldName): Field {
    return this.#fields.get(name)!
  }

  get all(): readonly Field[] {
    return [...this.#fields.values()]
  }

  get opaque(): readonly Opaque[] {
    return [...this.#statements.values()]
  }

  /** Fields and answers, in the order of their variables. */
  inOrder(): readonly (Field | Opaque)[] {
    const first = (part: Field | Opaque) =>
      'statement' in part ? part.variable : (part.presence[0] ?? part.bits[0]!)
    return [...this.all, ...this.opaque].sort((a, b) => first(a) - first(b))
  }

  /** The set in which the `count`-th look at what a key stands for says yes. */
  answer(key: string, count: number, statement: Statement): Node {
    const variables = this.#opaque.get(key) ?? []
    this.#opaque.set(key, variables)
    while (variables.length <= count) {
      this.#statements.set(this.#next, { variable: this.#next, statement })
      variables.push(this.#next++)
    }
    return this.diagram.variable(variables[count]!)
  }

  /** Every look at what the keys stand for becomes the next one. */
  shifted(keys: Iterable<string>): Map<number, Node> {
    const sets = new Map<number, Node>()
    for (const key of keys) {
      const variables = [...(this.#opaque.get(key) ?? [])]
      for (const [i, variable] of variables.entries()) {
        const { statement } = this.#statements.get(variable)!
        sets.set(variable, this.answer(key, i + 1, statement))
      }
    }
    return sets
  }

  /** What a selector is of each packet of an IP version. */
  selected(selector: Selector, family: Version): Vector {
    const { column, bits } = selectorInfo(selector)!
    if (column !== undefined) return this.column(column, family)
    if (selector.kind === 'payload' && selector.protocol === 'ip' && selector.field === 'protocol')
      return this.vector('l4proto')
    if (selector.kind === 'payload' && selector.protocol === 'tcp' && selector.field === 'flags')
      return this.vector('tcpFlags')
    return this.#other(selector, bits)
  }

  column(column: ColumnName, family: Version): Vector {
    switch (column) {
      case 'nfproto':
        return constant(BigInt(Family[family === 'ip' ? 'ipv4' : 'ipv6']), 8)
      case 'type':
      case 'code': {
        const { presence, bits } = this.field('sport')
        const isType = column === 'type'
        return this.#vector(presence[isType ? 0 : 1], isType ? bits.slice(0, 8) : bits.slice(8))
      }
      case 'ctState':
        return this.#states()
      default:
        return this.vector(column)
    }
  }

  /** The value of a field; of two presences, the one of the whole. */
  vector(name: FieldName): Vector {
    const { presence, bits } = this.field(name)
    return this.#vector(presence.at(-1), bits)
  }

  #vector(presence: number | undefined, bits: readonly number[]): Vector {
    const { diagram } = this
    return {
      present: presence === undefined ? ALL : diagram.variable(presence),
      bits: bits.map((bit) => diagram.variable(bit)),
    }
  }

  /** The bits of ct state, by the number of the state. */
  #states(): Vector {
    const bits = Array.from({ length: CT_STATE_BITS }, () => EMPTY)
    for (const [number, name] of STATES.entries())
      bits[CT_STATE_BITS - 1 - Math.log2(CtState[name])] = this.state(number)
    return { present: ALL, bits }
  }

  /** The packets of a state, by its number. */
  state(number: number): Node {
    const { diagram } = this
    const { bits } = this.field('ctState')
    return bits.reduce((set, bit, i) => {
      const variable = diagram.variable(bit)
      const isSet = ((number >> (bits.length - 1 - i)) & 1) === 1
      return diagram.and(set, isSet ? variable : diagram.not(variable))
    }, ALL)
  }

  #other(selector: Selector, bits: number): Vector {
    const name = selectorText(selector)
    let field = this.#fields.get(name)
    if (field === undefined) {
      field = { ...this.#add('other', isAlwaysThere(selector) ? 0 : 1, bits), selector }
      this.#fields.set(name, field)
    }
    return this.#vector(field.presence[0], field.bits)
  }

  #add(name: Field['name'], presence: number, bits: number): Field {
    const take = (count: number) => Array.from({ length: count }, () => this.#next++)
    return { name, presence: take(presence), bits: take(bits) }
  }

  /** What packets there are: a header that is cut short, for example, lacks all that is behind the cut. */
  feasible(hook: HookName, family: Version): Node {
    const { diagram } = this
    const there = (name: FieldName, which = 0) => diagram.variable(this.field(name).presence[which]!)
    const implies = (a: Node, b: Node) => diagram.or(diagram.not(a), b)
    const protocol = this.vector('l4proto')
    const isOne = (...numbers: number[]) =>
      within(
        diagram,
        protocol,
        numbers.map((number) => [BigInt(number), BigInt(number)]),
      )
    const none = (name: 'iifname' | 'oifname') => within(diagram, this.vector(name), [[0n, 0n]])
    const parts = [
      implies(there('tcpFlags'), diagram.and(there('dport'), isOne(TCP))),
      implies(there('dport'), there('sport', 1)),
      implies(there('sport', 1), there('sport', 0)),
      implies(there('sport', 0), protocol.present),
      diagram.union(STATES.map((_, number) => this.state(number))),
      family === 'ip' ? protocol.present : diagram.not(isOne(...EXTENSIONS)),
      // Of an authentication header two bytes are wanted before it counts as one.
      family === 'ip' ? ALL : implies(isOne(AUTHENTICATION), there('sport', 1)),
      hook === 'input' || hook === 'prerouting' ? none('oifname') : ALL,
      hook === 'output' ? none('iifname') : ALL,
      ...this.all.flatMap((field) => (field.selector === undefined ? [] : this.#feasibleOther(field))),
    ]
    return parts.reduceRight((set, part) => diagram.and(part, set), ALL)
  }

  #feasibleOther({ selector, presence, bits }: Field): Node[] {
    const { diagram } = this
    const field = selectorInfo(selector!)?.field
    const isBehind = field?.base === 'th' && field.offset + field.bits > PORTS_BITS
    if (isBehind && presence[0] !== undefined) {
      const ports = diagram.variable(this.field('dport').presence[0]!)
      return [diagram.or(diagram.not(diagram.variable(presence[0])), ports)]
    }
    if (selector!.kind !== 'payload' || selector!.protocol !== 'ip6' || selector!.field !== 'nexthdr')
      return []
    // The next header is the transport's, unless it is one that leads on to others.
    const next = this.#vector(undefined, bits)
    const protocol = this.vector('l4proto')
    const same = diagram.and(protocol.present, equal(diagram, next, protocol))
    const leads = within(
      diagram,
      next,
      EXTENSIONS.map((number) => [BigInt(number), BigInt(number)]),
    )
    return [diagram.or(leads, same)]
  }
}

/** Fields of the IP header itself, and what every packet has. */
function isAlwaysThere(selector: Selector): boolean {
  if (selector.kind === 'payload') return selectorInfo(selector)?.field?.base === 'nh'
  return selector.kind === 'meta' && ['length', 'priority', 'pkttype', 'protocol'].includes(selector.key)
}
