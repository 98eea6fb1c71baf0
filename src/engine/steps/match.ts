import type { Packet } from '../../packet/packet.js'
import { type DataType, isBitmask, typeInfo } from '../../ruleset/datatypes.js'
import type { Element, Expression, Match } from '../../ruleset/model.js'
import { isSelector } from '../../ruleset/selectors.js'
import type { PartType } from '../../ruleset/types.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'
import { compareWords, widthOf, writeWords } from '../state/sets/words.js'
import type { Context } from './context.js'
import { boundsOfPart, keyParts, numberOf } from './elements.js'
import { createKeyReader, createReader, keyTypes } from './expression.js'
import { KEY_WORDS, MemberStep } from './lookup.js'
import type { Reader } from './reader.js'

const { break: BREAK, continue: CONTINUE } = Outcome

/** Makes the step of a match that no column of the packet decides. */
export function createMatch(match: Match, context: Context): Step {
  const { left, operator, right } = match
  const types = keyTypes(left, context)
  const wanted = operator !== '!='
  if (right.kind === 'reference' || right.kind === 'set') {
    const { table, parts } = context.tables.of(right, types)
    return new MemberStep(createKeyReader(left, parts, context), table, wanted)
  }
  if (isSelector(right) || right.kind === 'binary' || right.kind === 'map')
    return new ComparisonStep(createReader(left, context), createReader(right, context), operator)
  const parts = keyParts(types, [right as Element])
  const reader = createKeyReader(left, parts, context)
  if (right.kind === 'concat') {
    const set: Expression = { kind: 'set', elements: [right as Element] }
    return new MemberStep(reader, context.tables.of(set, types).table, wanted)
  }
  const { type } = types[0]!
  if (
    left.kind !== 'concat' &&
    left.kind !== 'binary' &&
    (isBitmask(type) || typeInfo(type).form === 'bit')
  ) {
    const bits = bitsOf(right, type)
    if (bits !== undefined && (operator === 'in' || operator === '!'))
      return new BitsStep(reader, bits, operator === 'in')
  }
  return new RangeStep(reader, types[0]!, operator, right)
}

function bitsOf(right: Expression, type: DataType): bigint | undefined {
  if (right.kind === 'flags') return right.bits
  return right.kind === 'value' ? numberOf(BigInt(right.value), type) : undefined
}

/** Whether a value has a bit in common with others. */
class BitsStep implements Step {
  readonly #reader: Reader
  readonly #wanted: boolean
  readonly #bits: Int32Array
  readonly #words = new Int32Array(KEY_WORDS)

  constructor(reader: Reader, bits: bigint, wanted: boolean) {
    this.#reader = reader
    this.#wanted = wanted
    this.#bits = new Int32Array(widthOf(reader.bits))
    writeWords(bits, this.#bits.length, this.#bits, 0)
  }

  run(packet: Packet): OutcomeNumber {
    if (!this.#reader.read(packet, this.#words, 0)) return BREAK
    let common = 0
    for (let word = 0; word < this.#bits.length; word++) common |= this.#words[word]! & this.#bits[word]!
    return (common !== 0) === this.#wanted ? CONTINUE : BREAK
  }
}

/** Whether a value is between two others, or not. An hour may be of an interval over midnight. */
class RangeStep implements Step {
  readonly #reader: Reader
  readonly #wanted: boolean
  readonly #wrapped: boolean
  readonly #width: number
  /** The first and the last value. */
  readonly #bounds: Int32Array
  readonly #words = new Int32Array(KEY_WORDS)

  constructor(reader: Reader, type: PartType, operator: Match['operator'], right: Expression) {
    this.#reader = reader
    this.#width = widthOf(reader.bits)
    const [low, high] = boundsOf(type, operator, right)
    this.#wanted = operator !== '!='
    this.#wrapped = low > high
    this.#bounds = new Int32Array(2 * this.#width)
    writeWords(low, this.#width, this.#bounds, 0)
    writeWords(high, this.#width, this.#bounds, this.#width)
  }

  run(packet: Packet): OutcomeNumber {
    if (!this.#reader.read(packet, this.#words, 0)) return BREAK
    const width = this.#width
    const above = compareWords(this.#words, 0, this.#bounds, 0, width) >= 0
    const below = compareWords(this.#words, 0, this.#bounds, width, width) <= 0
    const within = this.#wrapped ? above || below : above && below
    return within === this.#wanted ? CONTINUE : BREAK
  }
}

/** The interval that an operator and its right side stand for. */
function boundsOf(type: PartType, operator: Match['operator'], right: Expression): readonly [bigint, bigint] {
  const most = (1n << BigInt(type.bits)) - 1n
  const [low, high] =
    right.kind === 'flags'
      ? [right.bits, right.bits]
      : boundsOfPart(right as Element & { kind: 'value' }, type)
  switch (operator) {
    case '<':
      return low === 0n ? [1n, 0n] : [0n, low - 1n]
    case '<=':
      return [0n, low]
    case '>':
      return [low + 1n, most]
    case '>=':
      return [low, most]
    default:
      return [low, high]
  }
}

/** Compares two values of the packet. */
class ComparisonStep implements Step {
  readonly #left: Reader
  readonly #right: Reader
  readonly #operator: Match['operator']
  readonly #width: number
  readonly #a = new Int32Array(KEY_WORDS)
  readonly #b = new Int32Array(KEY_WORDS)

  constructor(left: Reader, right: Reader, operator: Match['operator']) {
    this.#left = left
    this.#right = right
    this.#operator = operator
    this.#width = widthOf(left.bits)
  }

  run(packet: Packet): OutcomeNumber {
    if (!this.#left.read(packet, this.#a, 0) || !this.#right.read(packet, this.#b, 0)) return BREAK
    const order = compareWords(this.#a, 0, this.#b, 0, this.#width)
    return holds(this.#operator, order) ? CONTINUE : BREAK
  }
}

function holds(operator: Match['operator'], order: number): boolean {
  switch (operator) {
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
    case '!=':
      return order !== 0
    default:
      return order === 0
  }
}
