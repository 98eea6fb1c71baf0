/** Constants as intervals of numbers: names are their 16 bytes, the first one the most significant. */
import { typeInfo } from '../../ruleset/datatypes.js'
import type { Expression, PlainElement } from '../../ruleset/model.js'
import type { PartType } from '../../ruleset/types.js'
import type { Interfaces, Interval, Value } from './context.js'

const NAME_BITS = 128n
const NAME_BYTES = 16

/** The number that stands for an interface's name or another text. */
export function nameValue(name: string): bigint {
  return bytesValue(Buffer.from(name))
}

function bytesValue(bytes: Uint8Array): bigint {
  let value = 0n
  for (let i = 0; i < NAME_BYTES; i++) value = (value << 8n) | BigInt(bytes[i] ?? 0)
  return value
}

/** The names that a text matches: one, or with a `*` at its end all that begin so. */
function nameInterval(text: string): Interval {
  const bytes = Buffer.from(text.replace(/\\\*$/, '*'))
  if (!text.endsWith('*') || text.endsWith('\\*')) return [bytesValue(bytes), bytesValue(bytes)]
  const from = bytesValue(bytes.subarray(0, -1))
  return [from, from | ((1n << (NAME_BITS - 8n * BigInt(bytes.length - 1))) - 1n)]
}

/** The values that a constant stands for. Throws on what is none: rulesets are checked before. */
export function intervalOf(
  constant: Expression | PlainElement,
  { type, bits }: PartType,
  interfaces: Interfaces,
): Interval {
  switch (constant.kind) {
    case 'value': {
      const { value } = constant
      if (typeof value === 'string' && type !== 'iface_index') return nameInterval(value)
      const number = typeof value === 'string' ? indexOf(value, interfaces) : value
      return typeInfo(type).form === 'bit' ? [1n << number, 1n << number] : [number, number]
    }
    case 'flags':
      return [constant.bits, constant.bits]
    case 'range':
      return [constant.from, constant.to]
    case 'prefix': {
      const host = (1n << BigInt(bits - constant.length)) - 1n
      return [constant.base & ~host, constant.base | host]
    }
    default:
      throw new Error(`${constant.kind} is no constant`)
  }
}

/** No interface has the index -1. */
function indexOf(name: string, interfaces: Interfaces): bigint {
  const [index = -1] = [...interfaces].find(([, one]) => one === name) ?? []
  return BigInt(index)
}

/** The values of each part that a key stands for; undefined for the catch-all. */
export function boxOf(
  key: PlainElement,
  parts: readonly PartType[],
  interfaces: Interfaces,
): readonly Interval[] | undefined {
  if (key.kind === 'wildcard') return undefined
  if (key.kind !== 'concat') return [intervalOf(key, parts[0]!, interfaces)]
  return key.parts.map((part, i) => intervalOf(part, parts[i]!, interfaces))
}

export function isWithin(value: Value, box: readonly Interval[]): boolean {
  return box.every(([from, to], i) => from <= value[i]! && value[i]! <= to)
}
