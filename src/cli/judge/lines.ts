/** Lines of a stream as bytes, without making strings of them. */

const NEWLINE = 10
const RETURN = 13

/** Splits chunks of a stream into lines of at most so many bytes; of longer ones only the fact is told. */
export class Lines {
  readonly #partial: Buffer
  #length = 0
  #overflow = false

  constructor(longest: number) {
    this.#partial = Buffer.alloc(longest)
  }

  /**
   * Calls `line` for each line that ends in the chunk, with the bytes from `start` to `end` of `bytes`; bytes is undefined
   * for a line that is too long. Returns where in the chunk it stopped, as `line` said so by returning false.
   */
  feed(
    chunk: Buffer,
    from: number,
    line: (bytes: Buffer | undefined, start: number, end: number) => boolean,
  ): number {
    let start = from
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start)
      if (end < 0) {
        this.#keep(chunk, start, chunk.length)
        return chunk.length
      }
      const goesOn = this.#isEmpty()
        ? line(chunk, start, withoutReturn(chunk, start, end))
        : this.#end(chunk, start, end, line)
      start = end + 1
      if (!goesOn) return start
    }
  }

  /** The last line, if no newline ends it. */
  finish(line: (bytes: Buffer | undefined, start: number, end: number) => boolean): void {
    if (!this.#isEmpty()) this.#end(this.#partial, 0, 0, line)
  }

  #isEmpty(): boolean {
    return this.#length === 0 && !this.#overflow
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    if (this.#length + end - start > this.#partial.length) this.#overflow = true
    else {
      chunk.copy(this.#partial, this.#length, start, end)
      this.#length += end - start
    }
  }

  #end(
    chunk: Buffer,
    start: number,
    end: number,
    line: (bytes: Buffer | undefined, start: number, end: number) => boolean,
  ): boolean {
    this.#keep(chunk, start, end)
    const length = this.#length
    const overflow = this.#overflow
    this.#length = 0
    this.#overflow = false
    return overflow ? line(undefined, 0, 0) : line(this.#partial, 0, withoutReturn(this.#partial, 0, length))
  }
}

function withoutReturn(bytes: Buffer, start: number, end: number): number {
  return end > start && bytes[end - 1] === RETURN ? end - 1 : end
}
