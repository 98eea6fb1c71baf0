/** Things that end, the soonest first: a binary heap. What no longer counts stays in it until its time has come. */
export class Expiry<T> {
  readonly #heap: { readonly until: number; readonly item: T }[] = []

  get size(): number {
    return this.#heap.length
  }

  /** When the first ends; Infinity if nothing does. */
  get next(): number {
    return this.#heap[0]?.until ?? Number.POSITIVE_INFINITY
  }

  add(until: number, item: T): void {
    const heap = this.#heap
    let at = heap.length
    while (at > 0) {
      const above = (at - 1) >> 1
      if (heap[above]!.until <= until) break
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = { until, item }
  }

  /** Takes the first out; undefined if there is none. */
  take(): T | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first?.item
    let at = 0
    for (let below = 1; below < heap.length; below = 2 * at + 1) {
      if (below + 1 < heap.length && heap[below + 1]!.until < heap[below]!.until) below++
      if (heap[below]!.until >= last.until) break
      heap[at] = heap[below]!
      at = below
    }
    heap[at] = last
    return first.item
  }
}
