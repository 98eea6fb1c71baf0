import { Packet } from '../packet/packet.js'
import { CaptureError, systemError } from './error.js'
import type { Input } from './input.js'
import { cookedDirection, Direction, findIP } from './link.js'

/** Where packets of a capture were taken. */
export interface CaptureInterface {
  /** As pcapng has it; other captures know none. */
  readonly name?: string
  /** See LinkType. */
  readonly linkType: number
  /** How much of a packet was captured at most, in bytes. */
  readonly snapLength: number
}

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const { unknown: UNKNOWN } = Direction
const BILLION = 1e9

/**
 * The packets of a capture, one after the other. What is said of a packet holds until the next one.
 *
 *     const capture = await openCapture('trace.pcapng')
 *     while (await capture.fill()) {
 *       while (capture.next()) if (capture.packet.family !== 0) engine.judge(capture.packet)
 *     }
 *     if (capture.truncated) console.warn(capture.truncated.message)
 *     capture.close()
 *
 * `next` does not wait, and allocates nothing.
 */
export abstract class CaptureReader {
  readonly file: string
  /** The packets' interfaces so far, those of all sections one after the other. */
  readonly interfaces: CaptureInterface[] = []
  /**
   * The IP packet in the frame, in place; `family` is 0 where there is none. `time` holds nanoseconds since `origin`:
   * exact for 104 days, `stamp` for ever.
   */
  readonly packet = new Packet()
  /** [0]: seconds since 1970, [1]: nanoseconds, below a billion. A packet without a time has the one of the last. */
  readonly stamp = new Float64Array(2)
  /** Number of the packet from 1 on; at the end, how many there were. */
  number = 0
  /** Offset of the frame in `bytes`. */
  frame = 0
  /** Bytes of the frame that were captured, and that it had. */
  captured = 0
  length = 0
  /** Index into `interfaces`. */
  interface = 0
  /** See Direction. */
  direction: number = UNKNOWN
  /** After the last packet: what is missing behind it, if the capture was cut. */
  truncated: CaptureError | undefined
  protected readonly input: Input
  /** Offset in the buffer of the packet's record. */
  protected record = 0
  /** As `stamp`. */
  readonly #origin = new Float64Array(2)
  #hasOrigin = false
  /** `next` has said that it needs more bytes. */
  #waits = false
  #hasTime = false

  constructor(file: string, input: Input) {
    this.file = file
    this.input = input
    this.packet.attach(input.bytes)
  }

  /** Moves on to the next packet. False if its bytes are not here yet: `fill` brings them. Throws CaptureError. */
  abstract next(): boolean

  /** The packet's first comment, if it has one. */
  comment(): string | undefined {
    return undefined
  }

  /**
   * Brings more bytes, if `next` has asked for them; false at the end. Everything said of the last packet is void.
   * Rejects with CaptureError.
   */
  async fill(): Promise<boolean> {
    if (!this.#waits) return true
    try {
      if (await this.input.fill()) {
        this.#waits = false
        return true
      }
    } catch (error) {
      const { base, end } = this.input
      throw systemError(this.file, error, { offset: base + end, packets: this.number })
    }
    const { cut } = this.input
    if (cut !== undefined)
      this.truncated = this.fault(
        `the capture is cut: ${cut}`,
        'what is missing was never written, or not copied',
      )
    return false
  }

  /** The frames' bytes. Always the same buffer. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.input.bytes
  }

  /** Offset of the packet's record in the capture, in bytes; in an unpacked one if it is packed with gzip. */
  get offset(): number {
    return this.input.base + this.record
  }

  /** Time of the first packet that has one: nanoseconds since 1970; 0 before there was any. */
  get origin(): bigint {
    return BigInt(this.#origin[0]!) * BigInt(BILLION) + BigInt(this.#origin[1]!)
  }

  /** Whether any packet so far had a time. */
  get hasTime(): boolean {
    return this.#hasTime
  }

  /** Lets `packet.time` count from another capture's `stamp`, so that several have one time. */
  countFrom(stamp: Float64Array): void {
    this.#origin.set(stamp)
    this.#hasOrigin = true
    if (this.#hasTime) this.#count()
  }

  /** Bytes of the file that were read, and that it has, if that is known: how far we got. */
  get progress(): { readonly position: number; readonly size: number | undefined } {
    return this.input
  }

  close(): void {
    this.input.close()
  }

  /** The answer of `next` that it needs more bytes. */
  protected wait(): false {
    this.#waits = true
    return false
  }

  /** `stamp` was set: the packet's time follows. */
  protected stamped(): void {
    if (!this.#hasOrigin) {
      this.#origin.set(this.stamp)
      this.#hasOrigin = true
    }
    this.#hasTime = true
    this.#count()
  }

  #count(): void {
    const { stamp } = this
    const origin = this.#origin
    this.packet.time[0] = (stamp[0]! - origin[0]!) * BILLION + (stamp[1]! - origin[1]!)
  }

  /** The packet's frame was found; of `direction` is told what the record says. */
  protected found(
    frame: number,
    captured: number,
    length: number,
    linkType: number,
    direction: number,
  ): void {
    const { view } = this.input
    const end = frame + captured
    this.number++
    this.frame = frame
    this.captured = captured
    this.length = length
    this.direction = direction === UNKNOWN ? cookedDirection(view, linkType, frame, end) : direction
    const at = findIP(view, linkType, frame, end)
    this.packet.parse(at, end - at)
  }

  /** Something wrong at the record that comes next. */
  protected fault(what: string, hint?: string): CaptureError {
    const { base, at } = this.input
    const place = { offset: base + at, packets: this.number }
    return new CaptureError(this.file, what, hint === undefined ? place : { ...place, hint })
  }
}
