const BILLION = 1_000_000_000

/**
 * The time stamps of a pcapng interface: 64-bit counts of some unit since 1970, turned into seconds and nanoseconds.
 * Resolutions from a second to a nanosecond, in powers of ten, are computed without allocating: as the upper half
 * changes every few seconds at most, its share is kept. The others, which hardly anyone writes, go through BigInt.
 */
export class Clock {
  /** Units in a second. */
  readonly #units: bigint
  readonly #unit: number
  readonly #offset: bigint
  /** Nanoseconds in a unit; 0 if that is no whole number. */
  readonly #scale: number
  #high = -1
  /** The upper half as whole seconds, offset included, and the units left. */
  #seconds = 0
  #left = 0

  /** `resolution`: as if_tsresol has it; `offset`: if_tsoffset, in seconds. */
  constructor(resolution: number, offset: bigint) {
    const exponent = BigInt(resolution & 0x7f)
    this.#units = resolution & 0x80 ? 1n << exponent : 10n ** exponent
    this.#unit = Number(this.#units)
    this.#scale = resolution <= 9 ? BILLION / this.#unit : 0
    this.#offset = offset
  }

  /** Puts the seconds since 1970 into stamp[0], the nanoseconds (below a billion) into stamp[1]. */
  read(high: number, low: number, stamp: Float64Array): void {
    if (this.#scale === 0) {
      this.#readExactly(high, low, stamp)
      return
    }
    if (high !== this.#high) this.#turn(high)
    // Less than 2^33: exact.
    const units = this.#left + low
    const seconds = Math.floor(units / this.#unit)
    stamp[0] = this.#seconds + seconds
    stamp[1] = (units - seconds * this.#unit) * this.#scale
  }

  #turn(high: number): void {
    const units = BigInt(high) << 32n
    this.#high = high
    this.#seconds = Number(units / this.#units + this.#offset)
    this.#left = Number(units % this.#units)
  }

  #readExactly(high: number, low: number, stamp: Float64Array): void {
    const units = (BigInt(high) << 32n) | BigInt(low)
    stamp[0] = Number(units / this.#units + this.#offset)
    stamp[1] = Number(((units % this.#units) * BigInt(BILLION)) / this.#units)
  }
}
