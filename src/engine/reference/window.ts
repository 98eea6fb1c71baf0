import { Column, Family, type Packet } from '../../packet/packet.js'
import type { Window } from '../../ruleset/model.js'

/** The sliding window as plain as it can be said: every time that counts, of every source. */
export class ReferenceWindow {
  readonly #spec: Window
  readonly #times = new Map<string, number[]>()
  #now = 0

  constructor(spec: Window) {
    this.#spec = spec
  }

  /** Whether fewer than `rate` packets of the packet's source count within the span that ends now. */
  admit(packet: Packet): boolean {
    this.#now = Math.max(this.#now, packet.time[0]!)
    const source = this.#sourceOf(packet)
    const times = this.#times.get(source) ?? []
    const recent = times.filter((time) => this.#now - time < this.#spec.per * 1e6)
    const admitted = recent.length < this.#spec.rate
    if (admitted || this.#spec.strict) this.#times.set(source, [...recent, this.#now])
    return admitted
  }

  /** How many of `rate` a packet's source has used at its time, and the nanoseconds until the oldest of them frees. */
  fill(packet: Packet): { readonly used: number; readonly frees: number } {
    const now = Math.max(this.#now, packet.time[0]!)
    const span = this.#spec.per * 1e6
    const recent = (this.#times.get(this.#sourceOf(packet)) ?? []).filter((time) => now - time < span)
    // Of a strict window more may be there than it admits: it is the one before the last `rate - 1` that must go.
    const oldest = recent[Math.max(0, recent.length - this.#spec.rate)]
    return { used: recent.length, frees: oldest === undefined ? 0 : oldest + span - now }
  }

  #sourceOf(packet: Packet): string {
    const ipv6 = packet.fields[Column.nfproto] === Family.ipv6
    const column = ipv6 ? Column.saddr6 : Column.saddr4
    const bits = Array.from(packet.fields.slice(column, column + (ipv6 ? 4 : 1)), (word) =>
      (word >>> 0).toString(2).padStart(32, '0'),
    ).join('')
    return `${bits.length}:${bits.slice(0, ipv6 ? this.#spec.prefix6 : this.#spec.prefix4)}`
  }
}
