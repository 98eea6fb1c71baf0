import { getSystemErrorMap } from 'node:util'
import type { NetfilterSocket } from 'node-netfilter-queue'
import type { Closed } from '../../bans/config/actions.js'
import { type Ban, type BanKey, type BanSink, keyOf } from '../../bans/table/ban.js'
import { attributesOf, errorOf, MessageWriter, messagesOf, nestedIn } from './netlink.js'
import {
  type BanSet,
  type Element,
  writeBatch,
  writeCounterRequest,
  writeElements,
  writeRemoval,
  writeRemovedElements,
  writeSet,
  writeTable,
  writeTableRequest,
} from './nftables.js'

/** Elements of a message: an attribute holds 64 KiB. */
const ELEMENTS = 1000
/** Bytes that a message of so many elements has at most, with what a batch has around it. */
const LARGEST = 2 ** 16
/** Sets at most: whatever is shut out of more kinds of ports is shut out of everything. */
const MOST_SETS = 256
/** Milliseconds that an element outlives its ban: we lift it ourselves, and the kernel does when we are gone. */
const SLACK_MS = 1000
/** Milliseconds of a timeout that the kernel takes (nf_msecs_to_jiffies64); longer bans are for good there. */
const LONGEST_MS = 1e13
const EVERYTHING: Closed = { ports: [], protocols: [] }
const ENOBUFS = 105

export interface KernelBansOptions {
  readonly socket: NetfilterSocket
  /** Banned TCP is answered with a reset; otherwise everything is dropped in silence. */
  readonly reset: boolean
  readonly report: (problem: string) => void
  /** Milliseconds since 1970. */
  readonly clock?: () => number
}

/** A set with what we know to be in it: of each source, the ends of its bans. */
interface Members extends BanSet {
  readonly ends: Map<bigint, Map<string, number>>
}

interface Change {
  readonly set: Members
  readonly value: bigint
  /** Whether the element is there, and is to be there. */
  readonly before: boolean
  readonly after: boolean
}

/** The kernel refused a request. */
class Refused extends Error {
  constructor(errno: number) {
    const [name, text] = getSystemErrorMap().get(-errno) ?? [String(errno), 'unknown error']
    super(`${name} (${text})`)
  }
}

/**
 * Stage 0: bans in sets of nf_tables, with timeouts, before everything else. Any number of bans is one transaction. Should
 * somebody remove the table (`nft flush ruleset`), it is put back as a whole.
 */
export class KernelBans implements BanSink {
  readonly #options: KernelBansOptions
  readonly #clock: () => number
  readonly #sets = new Map<string, Members>()
  readonly #inForce = new Map<BanKey, Ban>()
  #failing = false

  constructor(options: KernelBansOptions) {
    this.#options = options
    this.#clock = options.clock ?? Date.now
  }

  /** Whether the kernel's sets are behind what is in force. */
  get failing(): boolean {
    return this.#failing
  }

  /** Puts the table into the kernel, over what an earlier run may have left. Throws an Error if the kernel refuses. */
  install(): void {
    const whole = [...this.#sets.values()]
    const elements = whole.flatMap((set) => [...set.ends.keys()].map((value) => ({ set, value })))
    this.#send(
      (to) => {
        writeRemoval(to)
        writeTable(to, this.#options.reset)
        for (const set of whole) writeSet(to, set)
      },
      elements.map((element) => ({ ...element, before: false, after: true })),
    )
  }

  /** Takes the table out of the kernel, ours or an earlier run's; says whether there was one. Throws an Error if it stays. */
  static remove(socket: NetfilterSocket): boolean {
    if (!isThere(socket)) return false
    const to = new MessageWriter()
    writeBatch(to, () => writeRemoval(to))
    request(socket, to)
    return true
  }

  ban(bans: readonly Ban[]): void {
    const changes = new Map<string, Change>()
    const created: Members[] = []
    for (const ban of bans) {
      const key = keyOf(ban)
      const known = this.#inForce.get(key)
      if (known !== undefined) this.#take(known, changes)
      this.#inForce.set(key, ban)
      const set = this.#setOf(ban, created)
      this.#note(changes, set, ban)
      const ends = set.ends.get(ban.source.value) ?? new Map<string, number>()
      ends.set(ban.jail, ban.until)
      set.ends.set(ban.source.value, ends)
    }
    this.#carryOut(created, changes)
  }

  unban(bans: readonly Ban[]): void {
    const changes = new Map<string, Change>()
    for (const ban of bans) {
      const known = this.#inForce.get(keyOf(ban))
      if (known === undefined) continue
      this.#inForce.delete(keyOf(ban))
      this.#take(known, changes)
    }
    this.#carryOut([], changes)
  }

  /** Looks whether the table is still there, and whole; puts it back if it is not. */
  check(): void {
    if (this.#failing || !isThere(this.#options.socket))
      this.#repair(this.#failing ? undefined : 'it was removed')
  }

  /** Packets that were refused since the table was put there. */
  refused(): number {
    const to = new MessageWriter()
    writeCounterRequest(to)
    const rules: Buffer[] = []
    this.#options.socket.request(to.bytes, (answer) => {
      for (const message of messagesOf(answer))
        if (errorOf(message) === undefined) rules.push(Buffer.from(message))
    })
    const [first] = rules
    return first === undefined ? 0 : countOf(first)
  }

  #take(ban: Ban, changes: Map<string, Change>): void {
    const set = this.#setOf(ban, [])
    const ends = set.ends.get(ban.source.value)
    if (ends === undefined) return
    this.#note(changes, set, ban)
    ends.delete(ban.jail)
    if (ends.size === 0) set.ends.delete(ban.source.value)
  }

  /** Notes that an element may change, as it was before the first change. */
  #note(changes: Map<string, Change>, set: Members, { source }: Ban): void {
    const key = `${set.name} ${source.value}`
    if (changes.has(key)) return
    const before = set.ends.has(source.value)
    changes.set(key, { set, value: source.value, before, after: true })
  }

  #setOf({ source, closed }: Ban, created: Members[]): Members {
    const { bits, length } = source
    const key = `${bits}/${length} ${closed.ports.length === 0 ? '' : JSON.stringify(closed)}`
    const known = this.#sets.get(key)
    if (known !== undefined) return known
    if (closed.ports.length > 0 && this.#sets.size >= MOST_SETS)
      return this.#setOf({ source, closed: EVERYTHING } as Ban, created)
    const name = `sources-${bits === 32 ? 'ipv4' : 'ipv6'}-${length}-${this.#sets.size}`
    const set = { name, bits, length, closed, ends: new Map<bigint, Map<string, number>>() }
    this.#sets.set(key, set)
    created.push(set)
    return set
  }

  #carryOut(created: readonly Members[], changes: ReadonlyMap<string, Change>): void {
    const settled = [...changes.values()].map((change) => ({
      ...change,
      after: change.set.ends.has(change.value),
    }))
    try {
      this.#send((to) => {
        for (const set of created) writeSet(to, set)
      }, settled)
    } catch (error) {
      this.#repair((error as Error).message)
    }
  }

  /** Puts everything back that is in force. reason: undefined if it was told before. */
  #repair(reason: string | undefined): void {
    try {
      this.install()
      if (this.#failing || reason !== undefined)
        this.#options.report(
          `the kernel's ban table was put back with all ${this.#inForce.size} bans${reason === undefined ? '' : `: ${reason}`}`,
        )
      this.#failing = false
    } catch (error) {
      if (!this.#failing)
        this.#options.report(
          `the kernel does not take bans: ${(error as Error).message}; what it has stays in force, and this is tried again`,
        )
      this.#failing = true
    }
  }

  /** Writes `first` and the changes of elements as one transaction, or several where the socket takes no more at once. */
  #send(first: (to: MessageWriter) => void, changes: readonly Change[]): void {
    const now = this.#clock()
    const parts: ((to: MessageWriter) => void)[] = [first]
    const bySet = new Map<Members, Change[]>()
    for (const change of changes) {
      const own = bySet.get(change.set)
      if (own === undefined) bySet.set(change.set, [change])
      else own.push(change)
    }
    for (const [set, own] of bySet)
      for (let from = 0; from < own.length; from += ELEMENTS)
        parts.push((to) => writeChanges(to, set, own.slice(from, from + ELEMENTS), now))
    const { socket } = this.#options
    while (parts.length > 0) {
      const to = new MessageWriter()
      writeBatch(to, () => {
        // A part writes up to three messages.
        do parts.shift()!(to)
        while (parts.length > 0 && to.length + 3 * LARGEST < socket.limit)
      })
      request(socket, to)
    }
  }
}

function isThere(socket: NetfilterSocket): boolean {
  const to = new MessageWriter()
  writeTableRequest(to)
  let there = false
  socket.request(to.bytes, (answer) => {
    for (const message of messagesOf(answer)) if ((errorOf(message) ?? 0) === 0) there = true
  })
  return there
}

/** Elements that are to go may have gone by themselves: they are added first, as only what is there can be removed. */
function writeChanges(to: MessageWriter, set: Members, changes: readonly Change[], now: number): void {
  const elements = (of: (change: Change) => boolean): Element[] =>
    changes.filter(of).map(({ value }) => ({ value, timeout: timeoutOf(set.ends.get(value), now) }))
  const old = elements(({ before }) => before)
  const wanted = elements(({ after }) => after)
  if (old.length > 0) {
    writeElements(to, set, old)
    writeRemovedElements(to, set, old)
  }
  if (wanted.length > 0) writeElements(to, set, wanted)
}

/** Milliseconds until the last of some bans ends. */
function timeoutOf(ends: ReadonlyMap<string, number> | undefined, now: number): number | undefined {
  const until = Math.max(now, ...(ends?.values() ?? []))
  return until - now > LONGEST_MS ? undefined : Math.ceil(until - now) + SLACK_MS
}

/** Sends what was written; throws Refused with the first thing that the kernel did not take. */
function request(socket: NetfilterSocket, written: MessageWriter): void {
  let first: number | undefined
  socket.request(written.bytes, (answer) => {
    for (const message of messagesOf(answer)) {
      const error = errorOf(message)
      if (error !== undefined && (first === undefined || first === 0)) first = error
    }
  })
  if (first !== 0) throw new Refused(first ?? ENOBUFS)
}

/** Packets that the counter of a rule has counted: NFTA_RULE_EXPRESSIONS, the first expression's data, its packets. */
function countOf(rule: Buffer): number {
  const expressions = attributesOf(rule).get(4)
  const counter = expressions && nestedIn(expressions.subarray(0, expressions.readUInt16LE(0))).get(1)
  const packets = counter && nestedIn(nestedIn(counter).get(2) ?? Buffer.alloc(0)).get(2)
  return packets?.length === 8 ? Number(packets.readBigUInt64BE()) : 0
}
