import { PROTOCOL_FIELDS } from '../../ruleset/fields.js'
import type { Span, WordNode } from '../nft/ast.js'
import type { Context } from '../nft/lower/context.js'
import { Unusable } from '../reports.js'
import type { Json } from './json.js'

export type { Json } from './json.js'
export type JsonObject = { readonly [key: string]: Json }

/** An entry of the array `nftables`: makes nodes that stand where it stands, and reads its parts with errors that name it. */
export class Entry implements Span {
  readonly at: number
  readonly end: number
  readonly #index: number
  readonly #context: Context

  constructor(index: number, at: number, context: Context) {
    this.at = at
    this.end = at + 1
    this.#index = index
    this.#context = context
  }

  node<const T extends object>(properties: T): T & Span {
    return { ...properties, at: this.at, end: this.end }
  }

  word(text: string): WordNode {
    return { kind: 'word', text, at: this.at, end: this.end }
  }

  /** Throws Unusable, with the error reported. */
  fail(message: string): never {
    this.#context.report(this, `nftables[${this.#index}]: ${message}`)
    throw new Unusable()
  }

  object(json: Json | undefined): JsonObject {
    if (typeof json !== 'object' || json === null || Array.isArray(json))
      return this.fail('an object is expected')
    return json as JsonObject
  }

  /** The only property of an object. */
  only(json: Json): readonly [key: string, value: Json] {
    const entries = Object.entries(this.object(json))
    return entries.length === 1 ? entries[0]! : this.fail(`one property is expected, not ${entries.length}`)
  }

  list(json: Json, length?: number): readonly Json[] {
    if (!Array.isArray(json)) return this.fail('an array is expected')
    if (length !== undefined && json.length !== length) this.fail(`an array of ${length} is expected`)
    return json
  }

  text(json: JsonObject, key: string): string {
    const value = json[key]
    return typeof value === 'string' ? value : this.fail(`${key} should be a text`)
  }

  number(json: JsonObject, key: string): number {
    const value = json[key]
    return typeof value === 'number' && Number.isInteger(value) && value >= 0
      ? value
      : this.fail(`${key} should be a number`)
  }

  /** A number as the syntax tree has it. */
  digits(json: JsonObject, key: string): string {
    return String(this.number(json, key))
  }

  oneOf<T extends string>(json: JsonObject, key: string, known: readonly T[]): T {
    const value = json[key]
    return known.find((word) => word === value) ?? this.fail(`${key} should be ${known.join(' or ')}`)
  }

  protocol(json: JsonObject): string {
    const protocol = this.text(json, 'protocol')
    return Object.hasOwn(PROTOCOL_FIELDS, protocol) ? protocol : this.fail(`there is no protocol ${protocol}`)
  }
}
