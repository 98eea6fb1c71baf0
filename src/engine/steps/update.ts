import type { Packet } from '../../packet/packet.js'
import type { Meter, SetUpdate } from '../../ruleset/model.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'
import { jiffiesOf, type SetTable } from '../state/sets/table.js'
import { widthOf } from '../state/sets/words.js'
import type { Context } from './context.js'
import { keyParts } from './elements.js'
import { createKeyReader, createReader, keyTypes } from './expression.js'
import { KEY_WORDS } from './lookup.js'
import type { Reader } from './reader.js'

const { break: BREAK, continue: CONTINUE } = Outcome

/** `add`, `update` and `delete` of a set's element (net/netfilter/nft_dynset.c). */
export function createUpdate(statement: SetUpdate, context: Context): Step {
  const { table, parts } = context.tables.named(statement.set)
  const set = context.sets.find(({ name }) => name === statement.set)!
  const key = createKeyReader(statement.element, parts, context)
  if (statement.operation === 'delete') return new DeleteStep(table, key)
  const carried = table.carrying(statement.statements ?? set.statements ?? [])
  const data = statement.data && createReader(statement.data, context)
  return new PutStep(table, key, carried, {
    lifetime: jiffiesOf(statement.timeout ?? 0),
    refresh: statement.operation === 'update',
    ...(data === undefined ? {} : { data }),
  })
}

/** A meter is a set of its own: the element of its key is put in, and its statement decides. */
export function createMeter(meter: Meter, context: Context): Step {
  const parts = keyParts(keyTypes(meter.key, context), [])
  const table = context.tables.meter(parts, meter.size)
  const key = createKeyReader(meter.key, parts, context)
  return new PutStep(table, key, table.carrying([meter.statement]), {
    lifetime: jiffiesOf(meter.timeout ?? 0),
    refresh: meter.timeout !== undefined,
  })
}

interface PutOptions {
  /** Jiffies. */
  readonly lifetime: number
  readonly refresh: boolean
  readonly data?: Reader
}

class PutStep implements Step {
  readonly #table: SetTable
  readonly #key: Reader
  readonly #carried: number
  readonly #lifetime: number
  readonly #refresh: boolean
  readonly #data: Reader | undefined
  readonly #words = new Int32Array(KEY_WORDS)
  readonly #value = new Int32Array(KEY_WORDS)

  constructor(table: SetTable, key: Reader, carried: number, { lifetime, refresh, data }: PutOptions) {
    this.#table = table
    this.#key = key
    this.#carried = carried
    this.#lifetime = lifetime
    this.#refresh = refresh
    this.#data = data
  }

  run(packet: Packet): OutcomeNumber {
    if (!this.#key.read(packet, this.#words, 0)) return BREAK
    const data = this.#data
    if (data !== undefined && !data.read(packet, this.#value, 0)) return BREAK
    const table = this.#table
    const id = table.put(this.#words, 0, packet, this.#lifetime, this.#refresh, this.#carried)
    if (id < 0) return BREAK
    if (data !== undefined && table.added) {
      for (let word = 0; word < widthOf(data.bits); word++) table.setData(id, word, this.#value[word]!)
    }
    return table.run(id, packet)
  }
}

class DeleteStep implements Step {
  readonly #table: SetTable
  readonly #key: Reader
  readonly #words = new Int32Array(KEY_WORDS)

  constructor(table: SetTable, key: Reader) {
    this.#table = table
    this.#key = key
  }

  run(packet: Packet): OutcomeNumber {
    if (!this.#key.read(packet, this.#words, 0)) return BREAK
    this.#table.delete(this.#words, 0)
    return CONTINUE
  }
}
