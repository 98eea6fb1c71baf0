import { CaptureError } from './error.js'
import { LARGEST_PACKET } from './input.js'
import { HEADER, Magic } from './pcap.js'
import { Block, BYTE_ORDER, Option } from './pcapng.js'
import type { CaptureInterface, CaptureReader } from './reader.js'
import { Sink } from './sink.js'

/** What is told of a packet beside its bytes and time. */
export interface PacketNotes {
  /** Bytes of the frame as it was, if not all were captured. */
  readonly length?: number
  /** See Direction. */
  readonly direction?: number
  /** Shown by Wireshark as the packet's comment; of one over 65,535 bytes the beginning. */
  readonly comment?: string
}

const NANOSECONDS = 9
const LONGEST_OPTION = 0xffff
const MOST_LINK_TYPE = 0xffff
const WORD = 2 ** 32
const HALF = 2 ** 16
/** What 64 bits of nanoseconds hold, in seconds: until 2554. */
const LAST_SECOND = 18_446_744_073
const LAST_PCAP_SECOND = WORD - 1

const utf8 = new TextEncoder()
const padded = (length: number) => (length + 3) & ~3

/**
 * Writes captures of the new kind, as Wireshark reads them: times in nanoseconds, and a comment for each packet that
 * has one. All of it is in the file after `close`. Throws CaptureError when the file cannot be written.
 */
export class PcapngWriter {
  readonly #sink: Sink
  /** The snap lengths of our interfaces. */
  readonly #snapLengths: number[] = []
  /** The interfaces of other captures as ours: by what they are, and by what is quicker to look up. */
  readonly #copies = new Map<string, number>()
  readonly #known = new WeakMap<CaptureInterface, number>()

  /** Makes the file, or makes it empty. */
  constructor(file: string) {
    this.#sink = new Sink(file)
    const at = this.#sink.room(28)
    const { view } = this.#sink
    view.setUint32(at, Block.section, true)
    view.setUint32(at + 8, BYTE_ORDER, true)
    view.setUint16(at + 12, 1, true)
    view.setUint16(at + 14, 0, true)
    // The section's length is not known.
    view.setBigInt64(at + 16, -1n, true)
    this.#end(at, at + 24)
  }

  /** Describes an interface; its number. */
  addInterface({ name, linkType, snapLength }: CaptureInterface): number {
    const sink = this.#sink
    if (linkType > MOST_LINK_TYPE)
      throw new CaptureError(sink.file, `link type ${linkType} does not fit into pcapng`)
    const at = sink.room(64 + LONGEST_OPTION)
    const { view } = sink
    view.setUint32(at, Block.interface, true)
    view.setUint16(at + 8, linkType, true)
    view.setUint16(at + 10, 0, true)
    view.setUint32(at + 12, snapLength, true)
    let next = at + 16
    if (name !== undefined) next = this.#text(next, Option.name, name)
    next = this.#option(next, Option.resolution, 1)
    view.setUint8(next - 4, NANOSECONDS)
    this.#end(at, this.#option(next, Option.end, 0))
    return this.#snapLengths.push(snapLength) - 1
  }

  /**
   * Writes a packet of an interface of ours. `seconds`: since 1970; `nanoseconds`: below a billion.
   */
  write(
    number: number,
    seconds: number,
    nanoseconds: number,
    bytes: Uint8Array,
    { length = bytes.length, direction = 0, comment }: PacketNotes = {},
  ): void {
    const sink = this.#sink
    sink.check(bytes.length, this.#snapLengths[number] ?? 0)
    if (!(seconds >= 0 && seconds < LAST_SECOND)) throw timeOutOfRange(sink.file, seconds)
    const at = sink.room(64 + padded(bytes.length) + LONGEST_OPTION)
    const { view } = sink
    view.setUint32(at, Block.enhanced, true)
    view.setUint32(at + 8, number, true)
    // The product in two parts, each below 2^53.
    const above = Math.floor(seconds / HALF) * 1e9
    const below = (above % HALF) * HALF + (seconds % HALF) * 1e9 + nanoseconds
    view.setUint32(at + 12, Math.floor(above / HALF) + Math.floor(below / WORD), true)
    view.setUint32(at + 16, below % WORD, true)
    view.setUint32(at + 20, bytes.length, true)
    view.setUint32(at + 24, length, true)
    sink.bytes.set(bytes, at + 28)
    let next = this.#pad(at + 28 + bytes.length)
    const options = next
    if (comment !== undefined) next = this.#text(next, Option.comment, comment)
    if (direction !== 0) {
      next = this.#option(next, Option.flags, 4)
      view.setUint32(next - 4, direction, true)
    }
    if (next > options) next = this.#option(next, Option.end, 0)
    this.#end(at, next)
  }

  /** Writes the packet that a reader is at, with its interface and what else is known of it. */
  copy(capture: CaptureReader, comment?: string): void {
    const { frame, captured, length, direction, stamp, bytes } = capture
    const number = this.#ours(capture.interfaces[capture.interface]!)
    const notes = { length, direction, ...(comment === undefined ? {} : { comment }) }
    this.write(number, stamp[0]!, stamp[1]!, bytes.subarray(frame, frame + captured), notes)
  }

  /** Writes what is not written yet, and closes the file. */
  close(): void {
    this.#sink.close()
  }

  #ours(theirs: CaptureInterface): number {
    let number = this.#known.get(theirs)
    if (number !== undefined) return number
    const key = JSON.stringify([theirs.linkType, theirs.snapLength, theirs.name])
    number = this.#copies.get(key) ?? this.addInterface(theirs)
    this.#copies.set(key, number)
    this.#known.set(theirs, number)
    return number
  }

  /** An option's header and zeros for its value; where the next one goes. */
  #option(at: number, code: number, length: number): number {
    const { view, bytes } = this.#sink
    view.setUint16(at, code, true)
    view.setUint16(at + 2, length, true)
    const next = at + 4 + padded(length)
    bytes.fill(0, at + 4, next)
    return next
  }

  #text(at: number, code: number, text: string): number {
    const { bytes, view } = this.#sink
    const { written } = utf8.encodeInto(text, bytes.subarray(at + 4, at + 4 + LONGEST_OPTION))
    view.setUint16(at, code, true)
    view.setUint16(at + 2, written, true)
    return this.#pad(at + 4 + written)
  }

  #pad(at: number): number {
    // Blocks begin at multiples of 4 of the buffer.
    const next = padded(at)
    this.#sink.bytes.fill(0, at, next)
    return next
  }

  #end(at: number, next: number): void {
    const { view } = this.#sink
    const total = next + 4 - at
    view.setUint32(at + 4, total, true)
    view.setUint32(next, total, true)
    this.#sink.at = at + total
  }
}

/** Writes classic captures (pcap-savefile(5)), of one link type, with times in nanoseconds. For the rest as PcapngWriter. */
export class PcapWriter {
  readonly #sink: Sink
  readonly #snapLength: number

  constructor(file: string, linkType: number, snapLength = LARGEST_PACKET) {
    this.#sink = new Sink(file)
    this.#snapLength = snapLength
    const at = this.#sink.room(HEADER)
    const { view } = this.#sink
    view.setUint32(at, Magic.nanoseconds, true)
    view.setUint16(at + 4, 2, true)
    view.setUint16(at + 6, 4, true)
    view.setUint32(at + 16, snapLength, true)
    view.setUint32(at + 20, linkType, true)
    this.#sink.at = at + HEADER
  }

  /** Writes a packet. `seconds`: since 1970, until 2106; `nanoseconds`: below a billion; `length`: of the whole frame. */
  write(seconds: number, nanoseconds: number, bytes: Uint8Array, length = bytes.length): void {
    const sink = this.#sink
    sink.check(bytes.length, this.#snapLength)
    if (!(seconds >= 0 && seconds <= LAST_PCAP_SECOND)) throw timeOutOfRange(sink.file, seconds)
    const at = sink.room(16 + bytes.length)
    const { view } = sink
    view.setUint32(at, seconds, true)
    view.setUint32(at + 4, nanoseconds, true)
    view.setUint32(at + 8, bytes.length, true)
    view.setUint32(at + 12, length, true)
    sink.bytes.set(bytes, at + 16)
    sink.at = at + 16 + bytes.length
  }

  close(): void {
    this.#sink.close()
  }
}

function timeOutOfRange(file: string, seconds: number): CaptureError {
  return new CaptureError(
    file,
    `a packet's time, ${seconds} seconds from 1970, cannot be written in this format`,
  )
}
