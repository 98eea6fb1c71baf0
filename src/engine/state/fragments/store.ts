const NONE = -1
/** Bytes of a block: about what the kernel spends on the smallest packet. */
export const BLOCK = 512

/**
 * Bytes of fragments in blocks of one size, so that fragments of any length come and go without allocation. What is
 * stored is named by its first block.
 */
export class FragmentStore {
  readonly blocks: number
  /** Blocks in use. */
  used = 0
  readonly #data: DataView
  /** By block: the next one of the same bytes, or the next free one. */
  readonly #next: Int32Array
  #free = NONE
  /** From here on no block was used yet. */
  #fresh = 0

  constructor(blocks: number) {
    this.blocks = blocks
    this.#data = new DataView(new ArrayBuffer(blocks * BLOCK))
    this.#next = new Int32Array(blocks)
  }

  /** Stores bytes `from` up to `to`; room for them must be there. */
  put(source: DataView, from: number, to: number): number {
    const first = this.#take()
    let block = first
    for (let at = from; ; ) {
      const length = Math.min(BLOCK, to - at)
      copy(source, at, this.#data, block * BLOCK, length)
      at += length
      if (at >= to) break
      this.#next[block] = this.#take()
      block = this.#next[block]!
    }
    this.#next[block] = NONE
    return first
  }

  /** Copies stored bytes to another place; `length` may be more than there are. */
  get(first: number, length: number, target: DataView, to: number): void {
    let block = first
    for (let done = 0; done < length && block !== NONE; done += BLOCK) {
      copy(this.#data, block * BLOCK, target, to + done, Math.min(BLOCK, length - done))
      block = this.#next[block]!
    }
  }

  free(first: number): void {
    for (let block = first; block !== NONE; ) {
      const next = this.#next[block]!
      this.#next[block] = this.#free
      this.#free = block
      this.used--
      block = next
    }
  }

  #take(): number {
    this.used++
    const block = this.#free
    if (block === NONE) return this.#fresh++
    this.#free = this.#next[block]!
    return block
  }
}

/** Without `Uint8Array.set`, which would need a view of its own for each call. */
function copy(source: DataView, from: number, target: DataView, to: number, length: number): void {
  let at = 0
  for (; at + 4 <= length; at += 4) target.setInt32(to + at, source.getInt32(from + at))
  for (; at < length; at++) target.setUint8(to + at, source.getUint8(from + at))
}
