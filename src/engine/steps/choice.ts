import type { Packet } from '../../packet/packet.js'
import type { VerdictMap } from '../../ruleset/model.js'
import { Outcome } from '../environment.js'
import type { SetTable } from '../state/sets/table.js'
import type { Context } from './context.js'
import { createKeyReader, keyTypes } from './expression.js'
import { KEY_WORDS } from './lookup.js'
import type { Reader } from './reader.js'

const { continue: CONTINUE } = Outcome

/** Which of the verdicts of a map is a packet's. */
export interface Choice {
  /** The verdict's place among the map's targets, or -1. Hot path. */
  choose(packet: Packet): number
}

export function createChoice({ key, map }: VerdictMap, context: Context): Choice {
  const { table, parts } = context.tables.of(map, keyTypes(key, context))
  return new TableChoice(createKeyReader(key, parts, context), table)
}

class TableChoice implements Choice {
  readonly #key: Reader
  readonly #table: SetTable
  readonly #words = new Int32Array(KEY_WORDS)

  constructor(key: Reader, table: SetTable) {
    this.#key = key
    this.#table = table
  }

  choose(packet: Packet): number {
    if (!this.#key.read(packet, this.#words, 0)) return -1
    const id = this.#table.find(this.#words, 0, packet)
    return id < 0 || this.#table.run(id, packet) !== CONTINUE ? -1 : this.#table.dataOf(id, 0)
  }
}
