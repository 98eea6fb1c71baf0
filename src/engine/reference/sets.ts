/** Sets and maps (net/netfilter/nft_set_*.c, nft_dynset.c): elements in a list, looked through one by one. */
import { keyOf } from '../../ruleset/elements.js'
import type { Element, Expression, NamedSet, PlainElement, Stateful, Verdict } from '../../ruleset/model.js'
import type { PartType } from '../../ruleset/types.js'
import { ConnectionCount } from './connection-count.js'
import type { Context, Data, Elements, Entry, Interfaces, Step, Value } from './context.js'
import { boxOf, isWithin } from './intervals.js'
import { jiffiesIn, jiffiesOf, millisecondsOf } from './jiffies.js'
import { runAll, stateOf } from './stateful.js'

interface Held extends Entry {
  /** In jiffies; none if it lives for ever. */
  expires: bigint | undefined
  /** It was deleted, and is still counted. */
  isDead: boolean
}

/** What a set is made of; an anonymous one has no more than elements. */
export type SetSpec = Pick<NamedSet, 'elements' | 'timeout' | 'statements' | 'size' | 'gcInterval' | 'map'>

/** How long the kernel waits between two rounds of removing what is expired, in milliseconds, if nothing is said. */
const GC_INTERVAL = 1000
/** How many elements rules may add, if nothing is said. */
const DEFAULT_SIZE = 65_535

export class ReferenceSet implements Elements {
  readonly #spec: SetSpec
  readonly #since: bigint
  #entries: Held[]
  #rounds = 0n

  /** Now: nanoseconds at which the elements' times begin. */
  constructor(
    spec: SetSpec,
    parts: readonly PartType[],
    data: readonly PartType[] | undefined,
    interfaces: Interfaces,
    now: bigint,
  ) {
    this.#spec = spec
    this.#since = now
    this.#entries = spec.elements.map((element) => this.#entryOf(element, parts, data, interfaces))
  }

  /** The elements that are there at a time in nanoseconds. */
  entries(now: bigint): readonly Entry[] {
    return this.#entries.filter((entry) => isAlive(entry, jiffiesOf(now)))
  }

  /** The element that a key belongs to at a time in nanoseconds, and the milliseconds that it has left, if it does not live for ever. */
  peek(
    key: Value,
    now: bigint,
  ): { readonly box: Entry['box']; readonly left: bigint | undefined } | undefined {
    const jiffies = jiffiesOf(now)
    const alive = this.#entries.filter((entry) => isAlive(entry, jiffies))
    const found =
      alive.find(({ box }) => box !== undefined && isWithin(key, box)) ??
      alive.find(({ box }) => box === undefined)
    return found && { box: found.box, left: found.expires && millisecondsOf(found.expires - jiffies) }
  }

  find(key: Value, context: Context): Entry | undefined {
    this.#collect(context)
    const jiffies = jiffiesOf(context.now)
    return (
      this.#entries.find((entry) => entry.box && isAlive(entry, jiffies) && isWithin(key, entry.box)) ??
      this.#entries.find((entry) => entry.box === undefined && isAlive(entry, jiffies))
    )
  }

  add(
    key: Value,
    refresh: boolean,
    timeout: number | undefined,
    statements: readonly Stateful[] | undefined,
    data: Value | undefined,
    context: Context,
  ): Step {
    this.#collect(context)
    const jiffies = jiffiesOf(context.now)
    const lives = timeout ?? this.#spec.timeout
    const expires = lives === undefined ? undefined : jiffies + jiffiesIn(lives)
    let entry = this.#exactly(key, jiffies)
    if (entry === undefined) {
      if (this.#entries.length >= (this.#spec.size ?? DEFAULT_SIZE)) return 'break'
      const states = (statements ?? this.#spec.statements ?? []).map(stateOf)
      entry = { box: key.map((part) => [part, part] as const), data, states, expires, isDead: false }
      this.#entries.push(entry)
    } else if (refresh && entry.expires !== undefined) entry.expires = expires
    return runAll(entry.states, context)
  }

  delete(key: Value, context: Context): void {
    const entry = this.#exactly(key, jiffiesOf(context.now))
    if (entry !== undefined) entry.isDead = true
  }

  #exactly(key: Value, jiffies: bigint): Held | undefined {
    return this.#entries.find(
      (entry) => isAlive(entry, jiffies) && entry.box?.every(([from], i) => from === key[i]),
    )
  }

  /** Frees the places of what was expired or deleted at the end of the last interval. */
  #collect(context: Context): void {
    const interval = BigInt(this.#spec.gcInterval ?? GC_INTERVAL) * 1_000_000n
    const rounds = (context.now - this.#since) / interval
    if (rounds === this.#rounds) return
    this.#rounds = rounds
    const jiffies = jiffiesOf(this.#since + rounds * interval)
    this.#entries = this.#entries.filter(
      (entry) =>
        isAlive(entry, jiffies) &&
        !entry.states.some((state) => state instanceof ConnectionCount && state.isEmpty(context)),
    )
  }

  #entryOf(
    element: Element,
    parts: readonly PartType[],
    data: readonly PartType[] | undefined,
    interfaces: Interfaces,
  ): Held {
    const key = element.kind === 'pair' ? element.key : element
    const options = key.kind === 'element' ? key : undefined
    const lives = options?.expires ?? options?.timeout ?? this.#spec.timeout
    return {
      box: boxOf(keyOf(element), parts, interfaces),
      data: element.kind === 'pair' ? dataOf(element.data, data, interfaces) : undefined,
      states: (options?.statements ?? this.#spec.statements ?? []).map(stateOf),
      expires: lives === undefined || lives === 0 ? undefined : jiffiesOf(this.#since) + jiffiesIn(lives),
      isDead: false,
    }
  }
}

function isAlive({ expires, isDead }: Held, jiffies: bigint): boolean {
  return !isDead && (expires === undefined || jiffies < expires)
}

/** Without types the data are verdicts or names. */
function dataOf(
  data: Expression | Verdict,
  parts: readonly PartType[] | undefined,
  interfaces: Interfaces,
): Data {
  if (parts !== undefined) return boxOf(data as PlainElement, parts, interfaces)!.map(([from]) => from)
  return data.kind === 'value' ? String(data.value) : (data as Verdict)
}
