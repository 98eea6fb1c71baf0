import type { Packet } from '../../packet/packet.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'
import type { SetTable } from '../state/sets/table.js'
import { widthOf } from '../state/sets/words.js'
import type { Reader } from './reader.js'
import type { Lookup } from './tables.js'

const { break: BREAK, continue: CONTINUE } = Outcome

/** The most words of a key: as many as nft's registers hold. */
export const KEY_WORDS = 20

/** Whether a value is in a set. What the element carries has its say as well. */
export class MemberStep implements Step {
  readonly #key: Reader
  readonly #table: SetTable
  readonly #wanted: boolean
  readonly #words = new Int32Array(KEY_WORDS)

  /** wanted: false for what must not be in the set. */
  constructor(key: Reader, table: SetTable, wanted: boolean) {
    this.#key = key
    this.#table = table
    this.#wanted = wanted
  }

  run(packet: Packet): OutcomeNumber {
    if (!this.#key.read(packet, this.#words, 0)) return BREAK
    const id = this.#table.find(this.#words, 0, packet)
    if (id >= 0 !== this.#wanted) return BREAK
    return id < 0 ? CONTINUE : this.#table.run(id, packet)
  }
}

/** What a map leads to: data, or the place of a verdict or name among its targets. */
export class MapReader implements Reader {
  readonly bits: number
  readonly #key: Reader
  readonly #table: SetTable
  readonly #width: number
  readonly #words = new Int32Array(KEY_WORDS)

  constructor(key: Reader, { table, dataBits }: Lookup) {
    this.bits = dataBits
    this.#key = key
    this.#table = table
    this.#width = widthOf(dataBits)
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    if (!this.#key.read(packet, this.#words, 0)) return false
    const id = this.#table.find(this.#words, 0, packet)
    if (id < 0 || this.#table.run(id, packet) !== CONTINUE) return false
    for (let word = 0; word < this.#width; word++) into[at + word] = this.#table.dataOf(id, word)
    return true
  }
}
