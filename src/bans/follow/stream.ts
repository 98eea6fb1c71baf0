import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { LONGEST_LINE } from '../limits.js'
import type { Encoding } from './encoding.js'

/** Bytes that are read at once. */
const CHUNK = 2 ** 18
/** Bytes at the start of a file, and before where we are, by which it is known again. */
const HEAD = 256
const TAIL = 64

/** Where we are in a file, and how it is known again. */
export interface Place {
  /** Bytes; the start of a line. */
  readonly position: number
  /** Bytes of the start that were hashed, and their hash. */
  readonly headLength: number
  readonly head: string
}

/** Takes whole lines; they are valid during the call only. */
export type TakeLines = (lines: Buffer) => void

/**
 * One file that is open, read line by line to its end as often as asked for. Notices when it was truncated, also when it
 * has grown past where we were since, and starts anew then.
 */
export class LogStream {
  readonly inode: bigint
  readonly device: bigint
  readonly #fd: number
  readonly #encoding: Encoding
  readonly #buffer = Buffer.allocUnsafe(CHUNK + LONGEST_LINE)
  /** Bytes at the start of the buffer that are the start of a line. */
  #held = 0
  /** What is behind what the buffer holds. */
  #position = 0
  /** The line that we are in is too long. */
  #skipping = false
  #head: Buffer = Buffer.alloc(0)
  #tail: Buffer = Buffer.alloc(0)
  /** Lines that were too long, and times that the file was truncated. */
  longLines = 0
  truncations = 0

  /** Throws what node:fs throws. */
  constructor(path: string, encoding: Encoding) {
    this.#encoding = encoding
    this.#fd = openSync(path, 'r')
    const { ino, dev } = fstatSync(this.#fd, { bigint: true })
    this.inode = ino
    this.device = dev
  }

  /** Where the line starts that is read next. */
  get place(): Place {
    const hash = createHash('sha256').update(this.#head).digest('hex')
    return { position: this.#position - this.#held, headLength: this.#head.length, head: hash }
  }

  /** Goes on where one was, if this is the file that it was. */
  resume({ position, headLength, head }: Place): boolean {
    const start = this.#at(0, headLength)
    if (fstatSync(this.#fd).size < position || start.length < headLength) return false
    if (createHash('sha256').update(start).digest('hex') !== head) return false
    this.#restart(position)
    return true
  }

  /** Goes to the end: what is there is passed over, up to the end of its last line. */
  toEnd(): void {
    const { size } = fstatSync(this.#fd)
    const before = this.#at(Math.max(0, size - LONGEST_LINE), Math.min(size, LONGEST_LINE))
    const end = this.#encoding.lastLineEnd(before)
    this.#restart(end === 0 ? size : size - before.length + end)
  }

  /** Reads a chunk; false if there is no more. Throws what node:fs throws. */
  read(take: TakeLines): boolean {
    if (this.#truncated()) {
      this.truncations++
      this.#restart(0)
    }
    const count = readSync(this.#fd, this.#buffer, this.#held, CHUNK, this.#position)
    if (count === 0) return false
    this.#position += count
    const end = this.#held + count
    let start = 0
    if (this.#skipping) {
      start = this.#encoding.firstLineEnd(this.#buffer.subarray(0, end))
      if (start > 0) this.#skipping = false
      else start = end
    }
    const lines = this.#encoding.lastLineEnd(this.#buffer.subarray(start, end))
    if (lines > 0) take(this.#encoding.readable(this.#buffer.subarray(start, start + lines)))
    this.#hold(start + lines, end)
    this.#remember()
    return true
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** Keeps the start of a line for the next time. */
  #hold(start: number, end: number): void {
    this.#buffer.copyWithin(0, start, end)
    this.#held = end - start
    if (this.#held < LONGEST_LINE) return
    this.longLines++
    this.#skipping = true
    this.#held = 0
  }

  #truncated(): boolean {
    const { size } = fstatSync(this.#fd)
    if (size < this.#position) return true
    if (!this.#at(0, this.#head.length).equals(this.#head)) return true
    return !this.#at(this.#position - this.#tail.length, this.#tail.length).equals(this.#tail)
  }

  #restart(position: number): void {
    this.#position = position
    this.#held = 0
    this.#skipping = false
    this.#head = Buffer.alloc(0)
    this.#tail = Buffer.alloc(0)
    this.#remember()
  }

  #remember(): void {
    if (this.#head.length < HEAD) this.#head = this.#at(0, Math.min(HEAD, this.#position))
    const length = Math.min(TAIL, this.#position)
    this.#tail = this.#at(this.#position - length, length)
  }

  #at(position: number, length: number): Buffer {
    const bytes = Buffer.alloc(length)
    return length === 0 ? bytes : bytes.subarray(0, readSync(this.#fd, bytes, 0, length, position))
  }
}
