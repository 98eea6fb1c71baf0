import type { Closed } from '../../bans/config/actions.js'
import type { Ban } from '../../bans/table/ban.js'
import type { BanSet } from './nftables.js'

/** Sets at most: whatever is shut out of more kinds of ports is shut out of everything. */
const MOST_SETS = 256
const EVERYTHING: Closed = { ports: [], protocols: [] }

/** An address as a key: numbers are found far sooner than bigints are. */
type Value = number | bigint

/** A set with its bans in force, by their sources: most have one. */
interface Members extends BanSet {
  readonly holders: Map<Value, readonly Ban[]>
}

/** What is different in a set since the last look. */
export interface SetChanges {
  readonly set: BanSet
  /** Elements that were there: they go, or change. */
  readonly old: readonly bigint[]
  /** Elements that are to be there, and until when, in milliseconds since 1970. */
  readonly wanted: readonly { readonly value: bigint; readonly until: number }[]
}

/** Which sets there are, and who is in them because of which bans. */
export class BanSets {
  /** By length of prefix. */
  readonly #byLength = new Map<number, Members[]>()
  #count = 0
  #created: Members[] = []
  /** Of each set, the elements that may have changed, and whether they were there. */
  #changed = new Map<Members, Map<Value, boolean>>()

  /** Bans in force. */
  get size(): number {
    let size = 0
    for (const { holders } of this.all()) for (const bans of holders.values()) size += bans.length
    return size
  }

  /** Puts a ban in the place of the one that its source has of the same jail. */
  put(ban: Ban): void {
    this.take(ban)
    const set = this.#setOf(ban)
    const value = keyOf(ban)
    const holders = set.holders.get(value)
    this.#note(set, value, holders !== undefined)
    set.holders.set(value, holders === undefined ? [ban] : [...holders, ban])
  }

  /** Takes out the ban that a source has of a jail. */
  take(ban: Pick<Ban, 'source' | 'jail'>): void {
    const value = keyOf(ban)
    for (const set of this.#byLength.get(lengthOf(ban)) ?? []) {
      const holders = set.holders.get(value)
      if (holders === undefined || holders.every(({ jail }) => jail !== ban.jail)) continue
      this.#note(set, value, true)
      if (holders.length === 1) set.holders.delete(value)
      else
        set.holders.set(
          value,
          holders.filter(({ jail }) => jail !== ban.jail),
        )
      return
    }
  }

  /** What is new since the last call: sets, and changes of elements. */
  changes(): { readonly created: readonly BanSet[]; readonly changes: readonly SetChanges[] } {
    const changes = [...this.#changed].map(([set, values]) => {
      const old: bigint[] = []
      const wanted: { value: bigint; until: number }[] = []
      for (const [key, before] of values) {
        const value = BigInt(key)
        const bans = set.holders.get(key)
        if (before) old.push(value)
        if (bans !== undefined) wanted.push({ value, until: endOf(bans) })
      }
      return { set, old, wanted }
    })
    const created = this.#created
    this.#created = []
    this.#changed = new Map()
    return { created, changes }
  }

  /** All that is to be in the kernel, as if nothing were there. */
  whole(): { readonly created: readonly BanSet[]; readonly changes: readonly SetChanges[] } {
    this.changes()
    const created = [...this.all()]
    const changes = created.map((set) => ({
      set,
      old: [],
      wanted: [...set.holders].map(([key, bans]) => ({ value: BigInt(key), until: endOf(bans) })),
    }))
    return { created, changes }
  }

  *all(): Generator<Members> {
    for (const sets of this.#byLength.values()) yield* sets
  }

  #note(set: Members, value: Value, before: boolean): void {
    let values = this.#changed.get(set)
    if (values === undefined) {
      values = new Map()
      this.#changed.set(set, values)
    }
    if (!values.has(value)) values.set(value, before)
  }

  #setOf({ source, closed }: Pick<Ban, 'source' | 'closed'>): Members {
    const { bits, length } = source
    const key = lengthOf({ source })
    const known = this.#byLength.get(key) ?? []
    const found = known.find((set) => isSame(set.closed, closed))
    if (found !== undefined) return found
    if (closed.ports.length > 0 && this.#count >= MOST_SETS)
      return this.#setOf({ source, closed: EVERYTHING })
    const name = `sources-${bits === 32 ? 'ipv4' : 'ipv6'}-${length}-${this.#count++}`
    const set: Members = { name, bits, length, closed, holders: new Map() }
    this.#byLength.set(key, [...known, set])
    this.#created.push(set)
    return set
  }
}

function keyOf({ source }: Pick<Ban, 'source'>): Value {
  return source.bits === 32 ? Number(source.value) : source.value
}

/** Length of the prefix and IP version in one. */
function lengthOf({ source: { bits, length } }: Pick<Ban, 'source'>): number {
  return bits + length * 256
}

function endOf(bans: readonly Ban[]): number {
  return bans.reduce((last, { until }) => Math.max(last, until), 0)
}

function isSame(one: Closed, other: Closed): boolean {
  if (one.ports.length === 0 || other.ports.length === 0) return one.ports.length === other.ports.length
  return one === other || JSON.stringify(one) === JSON.stringify(other)
}
