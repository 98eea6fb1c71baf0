import { closeSync, openSync, writeSync } from 'node:fs'
import { CaptureError, grouped, systemError } from './error.js'
import { LARGEST_PACKET } from './input.js'

/** Room for the largest packet with a comment of the greatest length. */
const CAPACITY = LARGEST_PACKET + 131_072

/** A file that is being written, by way of a buffer. Throws CaptureError. */
export class Sink {
  readonly file: string
  readonly bytes = new Uint8Array(CAPACITY)
  readonly view = new DataView(this.bytes.buffer)
  /** Where the next record goes. */
  at = 0
  readonly #fd: number
  #closed = false

  constructor(file: string) {
    this.file = file
    try {
      this.#fd = openSync(file, 'w')
    } catch (error) {
      throw systemError(file, error)
    }
  }

  /** Makes room for a record of up to so many bytes; where it begins. */
  room(length: number): number {
    if (CAPACITY - this.at < length) this.flush()
    return this.at
  }

  flush(): void {
    try {
      for (let from = 0; from < this.at; ) from += writeSync(this.#fd, this.bytes, from, this.at - from)
    } catch (error) {
      throw systemError(this.file, error)
    }
    this.at = 0
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    try {
      this.flush()
    } finally {
      closeSync(this.#fd)
    }
  }

  /** Refuses what readers would refuse: more of a packet than its interface's snap length. */
  check(captured: number, snapLength: number): void {
    const most = Math.min(snapLength, LARGEST_PACKET)
    if (captured <= most) return
    const sizes = `${grouped(captured)} bytes of a packet, and ${grouped(most)} at most`
    throw new CaptureError(this.file, `${sizes} may be written by its interface's snap length`)
  }
}
