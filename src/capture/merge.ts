import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { CaptureError, systemError } from './error.js'
import { openCapture } from './open.js'
import type { CaptureReader } from './reader.js'
import { STDIN } from './source.js'

/** Captures that overlap in time must be open at once. */
const MOST_OPEN = 256
/** Names of captures in a folder, those of tcpdump -C and -W and of packed ones included. */
const CAPTURE = /\.(pcap|pcapng|cap|ntar)\d*(\.gz)?$/i

/**
 * Opens captures to be read as one: files, folders (what in them is named as captures are), standard input for `-`.
 * Packets come in the order of their times; of equal ones, in the order of the captures. Rejects with CaptureError.
 */
export async function openCaptures(paths: readonly string[]): Promise<CaptureMerge> {
  const files = paths.flatMap((path) => (path !== STDIN && isFolder(path) ? capturesIn(path) : [path]))
  const merge = new CaptureMerge(files)
  try {
    await merge.start()
  } catch (error) {
    merge.close()
    throw error
  }
  return merge
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch (error) {
    throw systemError(path, error)
  }
}

function capturesIn(folder: string): string[] {
  const names = readNames(folder).filter((name) => CAPTURE.test(name))
  if (names.length > 0) return names.sort().map((name) => join(folder, name))
  throw new CaptureError(folder, 'there is no capture in this folder', {
    hint: 'names of captures end in .pcap, .pcapng or .cap, and may go on with a number or .gz; name others one by one',
  })
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    throw systemError(folder, error)
  }
}

/** A capture that is at a packet, or whose first packet is known. */
interface Head {
  readonly file: string
  /** Its place among the captures. */
  readonly rank: number
  /** As CaptureReader.stamp. */
  readonly stamp: Float64Array
  readonly reader: CaptureReader | undefined
}
type OpenHead = Head & { readonly reader: CaptureReader }

function before(a: Head, b: Head): boolean {
  const seconds = a.stamp[0]! - b.stamp[0]!
  if (seconds !== 0) return seconds < 0
  const nanoseconds = a.stamp[1]! - b.stamp[1]!
  return nanoseconds === 0 ? a.rank < b.rank : nanoseconds < 0
}

/**
 * The packets of several captures in the order of their times. It is read like a CaptureReader; the packet is that of
 * `capture`, whose `packet.time` counts from the first packet of all. A file is opened when its time comes and closed at
 * its end, so that any number of captures that follow each other takes the memory of one.
 */
export class CaptureMerge {
  /** Files, folders replaced by what is in them. */
  readonly files: readonly string[]
  /** The capture that the packet is of. */
  capture!: CaptureReader
  /** Number of the packet over all captures, from 1 on. */
  number = 0
  /** For each capture that was cut, what is missing: complete at the end. */
  readonly truncated: CaptureError[] = []
  readonly #origin = new Float64Array(2)
  #hasOrigin = false
  /** The captures to come, the first one last. */
  readonly #waiting: Head[] = []
  /** The open captures, each at a packet, as a binary heap: the first to come is at 0. */
  readonly #open: OpenHead[] = []
  /** The packet of #open[0] was handed out. */
  #given = false
  /** Bytes of the captures that were closed at their ends, and of all. */
  #read = 0
  #size: number | undefined = 0

  constructor(files: readonly string[]) {
    this.files = files
  }

  /** Time of the first packet that has one: nanoseconds since 1970; 0 if none has. */
  get origin(): bigint {
    return BigInt(this.#origin[0]!) * 1_000_000_000n + BigInt(this.#origin[1]!)
  }

  /** Bytes of the files that were read, and that they have, if that is known of all: how far we got. */
  get progress(): { readonly position: number; readonly size: number | undefined } {
    const position = this.#open.reduce((sum, { reader }) => sum + reader.progress.position, this.#read)
    return { position, size: this.#size }
  }

  /** Finds out when each capture begins. Called once, before all else. */
  async start(): Promise<void> {
    for (const [rank, file] of this.files.entries()) {
      const reader = await this.#begin(file)
      if (reader === undefined) continue
      const { stamp, progress } = reader
      const head = { file, rank, stamp, reader }
      if (reader.hasTime && (!this.#hasOrigin || before(head, { ...head, stamp: this.#origin }))) {
        this.#origin.set(stamp)
        this.#hasOrigin = true
      }
      this.#size =
        progress.size === undefined || this.#size === undefined ? undefined : this.#size + progress.size
      // What is no file cannot be opened twice.
      const again = progress.size !== undefined && file !== STDIN
      if (again) reader.close()
      this.#waiting.push(again ? { ...head, reader: undefined } : head)
    }
    this.#waiting.sort((a, b) => (before(a, b) ? 1 : -1))
  }

  /** Moves on to the next packet. False if its bytes are not here yet: `fill` brings them. Throws CaptureError. */
  next(): boolean {
    const open = this.#open
    if (open.length === 0) return false
    if (this.#given) {
      if (!open[0]!.reader.next()) return false
      this.#given = false
      this.#sink()
    }
    const top = open[0]!
    const waiting = this.#waiting
    if (waiting.length > 0 && before(waiting[waiting.length - 1]!, top)) return false
    this.#given = true
    this.capture = top.reader
    this.number++
    return true
  }

  /** Brings more bytes; false at the end. Everything said of the last packet is void. Rejects with CaptureError. */
  async fill(): Promise<boolean> {
    const open = this.#open
    if (this.#given) {
      const { reader } = open[0]!
      if (!(await advance(reader))) {
        this.#end(reader)
        const last = open.pop()!
        if (open.length > 0) open[0] = last
      }
      this.#given = false
      this.#sink()
    }
    for (;;) {
      const head = this.#waiting.at(-1)
      if (head === undefined || (open.length > 0 && !before(head, open[0]!))) break
      if (open.length === MOST_OPEN)
        throw new CaptureError(head.file, `more than ${MOST_OPEN} captures overlap in time`, {
          hint: 'merge some of them into one first, with mergecap',
        })
      this.#waiting.pop()
      const reader = head.reader ?? (await this.#begin(head.file))
      if (reader !== undefined) this.#enter({ ...head, stamp: reader.stamp, reader })
    }
    return open.length > 0
  }

  close(): void {
    for (const { reader } of [...this.#open, ...this.#waiting]) reader?.close()
    this.#open.length = 0
    this.#waiting.length = 0
  }

  /** Opens a capture and goes to its first packet; undefined if it has none. */
  async #begin(file: string): Promise<CaptureReader | undefined> {
    const reader = await openCapture(file)
    try {
      if (await advance(reader)) return reader
    } catch (error) {
      reader.close()
      throw error
    }
    this.#end(reader)
    return undefined
  }

  #end(reader: CaptureReader): void {
    if (reader.truncated !== undefined) this.truncated.push(reader.truncated)
    this.#read += reader.progress.position
    reader.close()
  }

  /** Takes in a capture that is at its first packet. */
  #enter(head: OpenHead): void {
    const open = this.#open
    if (this.#hasOrigin) head.reader.countFrom(this.#origin)
    let at = open.length
    open.push(head)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(head, open[parent]!)) break
      open[at] = open[parent]!
      at = parent
    }
    open[at] = head
  }

  /** Puts #open[0] into its place after its packet, or itself, changed. */
  #sink(): void {
    const open = this.#open
    const count = open.length
    if (count < 2) return
    const head = open[0]!
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= count) break
      if (child + 1 < count && before(open[child + 1]!, open[child]!)) child++
      if (!before(open[child]!, head)) break
      open[at] = open[child]!
      at = child
    }
    open[at] = head
  }
}

/** Goes to the next packet, wherever its bytes are; false at the end. */
async function advance(reader: CaptureReader): Promise<boolean> {
  while (!reader.next()) if (!(await reader.fill())) return false
  return true
}
