import type { Packet } from '../../../packet/packet.js'
import type { Stateful } from '../../../ruleset/model.js'
import { Outcome, type OutcomeNumber } from '../../environment.js'
import { grown, type Slots } from '../slots.js'
import type { Seeds } from '../sources.js'
import { type Bounds, BoxSet } from './boxes.js'
import { HashSet } from './hash.js'
import { IntervalSet } from './intervals.js'
import { MOST_IDS } from './nodes.js'
import { widthOf, writeWords } from './words.js'

const { continue: CONTINUE } = Outcome
const JIFFY = 4e6
const MILLISECONDS_PER_JIFFY = 4
const NEVER = Number.POSITIVE_INFINITY
const NONE = -1
const DEFAULT_GC = 1000
/** How many elements a set that is filled by packets may hold unless it says so (as nft's meters). */
const DEFAULT_SIZE = 65_535

/** Jiffies of a time in milliseconds, rounded up. */
export function jiffiesOf(milliseconds: number): number {
  return Math.ceil(milliseconds / MILLISECONDS_PER_JIFFY)
}

export interface TableSpec {
  /** Bits of each part of a key. */
  readonly parts: readonly number[]
  /** Elements may be intervals. */
  readonly intervals: boolean
  /** Bits of what elements lead to; 0 where they lead to nothing, 32 for an index. */
  readonly data: number
  readonly size?: number
  /** Milliseconds that elements live by themselves. */
  readonly timeout?: number
  /** Milliseconds. */
  readonly gcInterval?: number
}

/** An element to begin with. */
export interface Item {
  /** Of each part; undefined for the element that stands for all others. */
  readonly bounds?: readonly Bounds[]
  /** Milliseconds from the beginning on. */
  readonly expires?: number
  readonly timeout?: number
  readonly data?: bigint
  readonly statements?: readonly Stateful[]
}

/** What `Statements` of elements are made of, and how. */
export type MakeSlots = (statement: Stateful) => Slots

/** Statements that elements carry: made of one list of them, with a slot for each element. */
class Carried {
  readonly slots: readonly Slots[]
  /** Whether one of them can be over, see Slots. */
  readonly canBeOver: boolean
  room = 1

  constructor(statements: readonly Stateful[], make: MakeSlots) {
    this.slots = statements.map(make)
    this.canBeOver = this.slots.some((slots) => slots.isOver !== undefined)
  }

  reset(id: number, room: number, statements?: readonly Stateful[]): void {
    if (this.room < room) {
      this.room = room
      for (const slots of this.slots) slots.grow(room)
    }
    for (let i = 0; i < this.slots.length; i++) this.slots[i]!.reset(id, statements?.[i])
  }

  isOver(id: number, now: number): boolean {
    return this.slots.some((slots) => slots.isOver?.(id, now))
  }

  run(id: number, packet: Packet): OutcomeNumber {
    for (let i = 0; i < this.slots.length; i++) {
      const outcome = this.slots[i]!.run(id, packet)
      if (outcome !== CONTINUE) return outcome
    }
    return CONTINUE
  }
}

/** The table of a set or map: its elements, how long they live, what they lead to and what they carry. */
export class SetTable {
  readonly #index: HashSet | IntervalSet | BoxSet
  readonly #exact: HashSet | undefined
  readonly #bits: readonly number[]
  readonly #width: number
  readonly #capacity: number
  readonly #dataWidth: number
  readonly #timeout: number
  readonly #gcInterval: number
  readonly #make: MakeSlots
  /** By id: when it expires, and how long it lives, in jiffies. */
  #expiries: Float64Array
  #lifetimes: Float64Array
  #data: Int32Array
  /** By id: which of `#carried` it has, less one. */
  #carriedBy: Int32Array
  readonly #carried: Carried[] = []
  readonly #known = new Map<string, number>()
  /** The id of the element that stands for all others: one behind the index's. */
  #wildcard = NONE
  /** Whether elements can carry what can be over. */
  #canBeOver = false
  /** Whether the last `put` added its element. */
  added = false
  /** Elements with a timeout, and when expired ones are looked for next, in jiffies. */
  #mortal = 0
  readonly #nextGc = new Float64Array(1)

  /** capacity: of elements that are there from the start. start: nanoseconds on the packets' clock. */
  constructor(spec: TableSpec, items: readonly Item[], make: MakeSlots, seeds: Seeds, start: number) {
    this.#bits = spec.parts
    const widths = spec.parts.map(widthOf)
    this.#width = widths.reduce((sum, width) => sum + width, 0)
    this.#capacity = Math.max(spec.size ?? DEFAULT_SIZE, items.length)
    this.#exact = spec.intervals ? undefined : new HashSet(this.#width, this.#capacity, seeds)
    this.#index =
      this.#exact ??
      (widths.length > 1
        ? new BoxSet(widths, this.#capacity)
        : new IntervalSet(spec.parts[0]!, Math.min(this.#capacity, MOST_IDS)))
    this.#dataWidth = widthOf(spec.data)
    this.#timeout = spec.timeout === undefined ? 0 : jiffiesOf(spec.timeout)
    this.#gcInterval = jiffiesOf(spec.gcInterval ?? DEFAULT_GC)
    this.#make = make
    const now = Math.floor(start / JIFFY)
    const left = this.#index instanceof IntervalSet ? fill(this.#index, items) : items
    const filled = this.#index.size
    const room = left.length + (this.#timeout === 0 ? 0 : filled) + 1
    this.#expiries = new Float64Array(room)
    this.#lifetimes = new Float64Array(room)
    this.#data = new Int32Array(room * this.#dataWidth)
    this.#carriedBy = new Int32Array(room)
    this.#nextGc[0] = now + this.#gcInterval
    if (this.#timeout !== 0) for (let id = 0; id < filled; id++) this.#place(id, now, this.#timeout)
    for (const item of left) this.#begin(item, now)
  }

  get size(): number {
    return this.#index.size + (this.#wildcard === NONE ? 0 : 1)
  }

  /** The id of the element of a key, or -1. Hot path. */
  find(key: Int32Array, at: number, packet: Packet): number {
    if (this.#canBeOver) this.#collect(jiffies(packet))
    const id = this.#index.find(key, at)
    if (this.#mortal === 0) return id < 0 ? this.#wildcard : id
    const now = jiffies(packet)
    if (id >= 0 && !this.#isExpired(id, now)) return id
    const wildcard = this.#wildcard
    return wildcard < 0 || this.#isExpired(wildcard, now) ? NONE : wildcard
  }

  /** Runs what an element carries. Hot path. */
  run(id: number, packet: Packet): OutcomeNumber {
    if (this.#carried.length === 0) return CONTINUE
    const carried = this.#carriedBy[id]!
    return carried === 0 ? CONTINUE : this.#carried[carried - 1]!.run(id, packet)
  }

  /** A word of what an element leads to. */
  dataOf(id: number, word: number): number {
    return this.#data[id * this.#dataWidth + word]!
  }

  /** The number of a list of statements that elements put in by packets carry, for `put`. */
  carrying(statements: readonly Stateful[]): number {
    if (statements.length === 0) return 0
    const key = JSON.stringify(statements.map(withoutCounts))
    let number = this.#known.get(key)
    if (number === undefined) {
      const carried = new Carried(statements, this.#make)
      if (carried.canBeOver) this.#canBeOver = true
      number = this.#carried.push(carried)
      this.#known.set(key, number)
    }
    return number
  }

  /**
   * The id of a key's element, which is added if it is not there; -1 if the table is full. Lifetime: jiffies, 0 for the
   * set's own. Refresh: an element that is there lives on from now. Hot path.
   */
  put(
    key: Int32Array,
    at: number,
    packet: Packet,
    lifetime: number,
    refresh: boolean,
    carried: number,
  ): number {
    const now = jiffies(packet)
    const exact = this.#exact!
    if (this.#canBeOver) this.#collect(now)
    // Of several of one key the newest is found; others have expired, or it is the last of them that has.
    let id = exact.find(key, at)
    this.added = false
    if (id >= 0 && !this.#isExpired(id, now)) {
      if (refresh && this.#lifetimes[id] !== 0) {
        this.#expiries[id] = now + (lifetime || this.#lifetimes[id]!)
      }
      return id
    }
    id = exact.add(key, at)
    if (id < 0) {
      if (!this.#collect(now)) return NONE
      id = exact.add(key, at)
    }
    this.added = true
    this.#place(id, now, lifetime || this.#timeout)
    this.#carriedBy[id] = carried
    if (carried !== 0) this.#carried[carried - 1]!.reset(id, this.#expiries.length)
    return id
  }

  /** Sets a word of what an element leads to. */
  setData(id: number, word: number, value: number): void {
    this.#data[id * this.#dataWidth + word] = value
  }

  /** Takes a key's element out: it has expired now, and its place is given back with those that have. Hot path. */
  delete(key: Int32Array, at: number): void {
    const id = this.#exact!.find(key, at)
    if (id < 0) return
    if (this.#expiries[id] === NEVER) this.#mortal++
    this.#expiries[id] = Number.NEGATIVE_INFINITY
  }

  #isExpired(id: number, now: number): boolean {
    return now >= this.#expiries[id]!
  }

  #begin(item: Item, now: number): void {
    const id = this.#idOf(item.bounds)
    const timeout = item.timeout === undefined ? this.#timeout : jiffiesOf(item.timeout)
    this.#place(id, now, timeout)
    if (timeout !== 0 && item.expires !== undefined) this.#expiries[id] = now + jiffiesOf(item.expires)
    if (item.data !== undefined) writeWords(item.data, this.#dataWidth, this.#data, id * this.#dataWidth)
    const statements = item.statements ?? []
    const carried = this.carrying(statements)
    this.#carriedBy[id] = carried
    if (carried !== 0) this.#carried[carried - 1]!.reset(id, this.#expiries.length, statements)
  }

  #idOf(bounds: readonly Bounds[] | undefined): number {
    if (bounds === undefined) {
      this.#wildcard = this.#capacity
      return this.#wildcard
    }
    const index = this.#index
    if (index instanceof BoxSet) return index.add(bounds)
    if (index instanceof IntervalSet) return index.add(...bounds[0]!)
    const key = new Int32Array(this.#width)
    let at = 0
    for (const [i, [value]] of bounds.entries()) {
      const width = widthOf(this.#bits[i]!)
      writeWords(value, width, key, at)
      at += width
    }
    const known = index.find(key, 0)
    return known < 0 ? index.add(key, 0) : known
  }

  /** Makes room for an id and says how long it lives: jiffies, 0 for ever. */
  #place(id: number, now: number, lifetime: number): void {
    if (id >= this.#expiries.length) this.#grow(id)
    this.#lifetimes[id] = lifetime
    this.#expiries[id] = lifetime === 0 ? NEVER : now + lifetime
    if (lifetime !== 0) this.#mortal++
  }

  #grow(id: number): void {
    const room = Math.min(Math.max(id + 1, this.#expiries.length * 2), this.#capacity + 1)
    this.#expiries = grown(this.#expiries, room)
    this.#lifetimes = grown(this.#lifetimes, room)
    const data = new Int32Array(room * this.#dataWidth)
    data.set(this.#data)
    this.#data = data
    const carriedBy = new Int32Array(room)
    carriedBy.set(this.#carriedBy)
    this.#carriedBy = carriedBy
  }

  /**
   * Gives the places of elements back that have expired or are over, at most once in the interval: until then they hold
   * them, as in the kernel (nft_rhash_gc). Whether there is room.
   */
  #collect(now: number): boolean {
    const exact = this.#exact
    if (exact === undefined || (this.#mortal === 0 && !this.#canBeOver) || now < this.#nextGc[0]!)
      return false
    const late = (now - this.#nextGc[0]!) % this.#gcInterval
    this.#nextGc[0] = now - late + this.#gcInterval
    const before = exact.size
    exact.removeWhere((id) => {
      if (!this.#isExpired(id, now - late) && !this.#isOver(id, now)) return false
      if (this.#expiries[id] !== NEVER) this.#mortal--
      return true
    })
    return exact.size < before
  }

  #isOver(id: number, now: number): boolean {
    const carried = this.#carriedBy[id]!
    return carried !== 0 && this.#carried[carried - 1]!.isOver(id, now)
  }
}

/** Fills a set with elements if they carry nothing, so that they may overlap; returns those that are left. */
function fill(index: IntervalSet, items: readonly Item[]): readonly Item[] {
  if (!items.every((item) => item.bounds === undefined || carriesNothing(item))) return items
  const left = items.filter((item) => item.bounds === undefined)
  const plain = left.length === 0 ? items : items.filter((item) => item.bounds !== undefined)
  index.fillUnion(plain.map((item) => item.bounds![0]!))
  return left
}

function carriesNothing({ expires, timeout, data, statements }: Item): boolean {
  return (expires ?? timeout ?? data ?? statements) === undefined
}

function jiffies(packet: Packet): number {
  return Math.floor(packet.time[0]! / JIFFY)
}

/** Statements that differ only in where they start are one kind. */
function withoutCounts(statement: Stateful): unknown {
  if (statement.kind === 'counter') return { kind: 'counter' }
  if (statement.kind !== 'quota') return statement
  const { used: _used, usedUnit: _unit, ...spec } = statement
  return spec
}
