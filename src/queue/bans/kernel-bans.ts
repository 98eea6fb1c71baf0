import { getSystemErrorMap } from 'node:util'
import type { NetfilterSocket } from 'node-netfilter-queue'
import type { Ban, BanSink } from '../../bans/table/ban.js'
import { BanSets, type SetChanges } from './ban-sets.js'
import type { BanMemory } from './memory.js'
import { attributesOf, errorOf, MessageWriter, messagesOf, nestedIn } from './netlink.js'
import {
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
/** Milliseconds that an element outlives its ban: we lift it ourselves, and the kernel does when we are gone. */
const SLACK_MS = 1000
/** Milliseconds of a timeout that the kernel takes (nf_msecs_to_jiffies64); longer bans are for good there. */
const LONGEST_MS = 1e13
const ENOBUFS = 105

export interface KernelBansOptions {
  readonly socket: NetfilterSocket
  /** Banned TCP is answered with a reset; otherwise everything is dropped in silence. */
  readonly reset: boolean
  readonly report: (problem: string) => void
  /** What the packet thread sees of bans that close everything. */
  readonly memory?: BanMemory
  /** Milliseconds since 1970. */
  readonly clock?: () => number
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
  readonly #sets = new BanSets()
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
    const { created, changes } = this.#sets.whole()
    this.#send((to) => {
      writeRemoval(to)
      writeTable(to, this.#options.reset)
      for (const set of created) writeSet(to, set)
    }, changes)
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
    for (const ban of bans) this.#sets.put(ban)
    this.#carryOut()
  }

  unban(bans: readonly Ban[]): void {
    for (const ban of bans) this.#sets.take(ban)
    this.#carryOut()
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

  #carryOut(): void {
    const { created, changes } = this.#sets.changes()
    for (const change of changes) this.#mirror(change)
    try {
      this.#send((to) => {
        for (const set of created) writeSet(to, set)
      }, changes)
    } catch (error) {
      this.#repair((error as Error).message)
    }
  }

  #mirror({ set, old, wanted }: SetChanges): void {
    const { memory } = this.#options
    if (memory === undefined || set.closed.ports.length > 0) return
    for (const value of old) memory.remove(set.bits, set.length, value)
    for (const { value } of wanted) memory.add(set.bits, set.length, value)
  }

  /** Puts everything back that is in force. reason: undefined if it was told before. */
  #repair(reason: string | undefined): void {
    try {
      this.install()
      if (this.#failing || reason !== undefined)
        this.#options.report(
          `the kernel's ban table was put back with all ${this.#sets.size} bans${reason === undefined ? '' : `: ${reason}`}`,
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
  #send(first: (to: MessageWriter) => void, changes: readonly SetChanges[]): void {
    const now = this.#clock()
    const parts = [first, ...changes.flatMap((change) => partsOf(change, now))]
    const { socket } = this.#options
    let next = 0
    while (next < parts.length) {
      const to = new MessageWriter()
      writeBatch(to, () => {
        // A part writes up to two messages.
        do parts[next++]!(to)
        while (next < parts.length && to.length + 2 * LARGEST < socket.limit)
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

/** What writes the changes of a set, some elements at a time. */
function partsOf({ set, old, wanted }: SetChanges, now: number): ((to: MessageWriter) => void)[] {
  const parts: ((to: MessageWriter) => void)[] = []
  for (let from = 0; from < old.length; from += ELEMENTS) {
    const gone = old.slice(from, from + ELEMENTS).map((value) => ({ value, timeout: SLACK_MS }))
    parts.push((to) => {
      // They may have gone by themselves: they are added first, as only what is there can be removed.
      writeElements(to, set, gone)
      writeRemovedElements(to, set, gone)
    })
  }
  for (let from = 0; from < wanted.length; from += ELEMENTS) {
    const here = wanted
      .slice(from, from + ELEMENTS)
      .map(({ value, until }) => ({ value, timeout: timeoutOf(until, now) }))
    parts.push((to) => writeElements(to, set, here))
  }
  return parts
}

/** Milliseconds until a ban ends; undefined: never. */
function timeoutOf(until: number, now: number): number | undefined {
  return until - now > LONGEST_MS ? undefined : Math.max(0, Math.ceil(until - now)) + SLACK_MS
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
