/** Nodes of matches, made in a word. */
import type { Expression, Match, Operator, Selector } from './model.js'

export const field = (protocol: string, name: string): Selector => ({
  kind: 'payload',
  protocol,
  field: name,
})

export const meta = (key: string): Selector => ({ kind: 'meta', key })
export const ct = (key: string, direction?: 'original' | 'reply'): Selector => ({
  kind: 'ct',
  key,
  ...(direction === undefined ? {} : { direction }),
})

export function value(number: bigint | number | string): Expression {
  return { kind: 'value', value: typeof number === 'number' ? BigInt(number) : number }
}

export function compare(left: Expression, operator: Operator, right: Expression): Match {
  return { kind: 'match', operator, left, right }
}

/** Equality, or membership; or the opposite. */
export function is(left: Expression, right: Expression, inverted: boolean | undefined = false): Match {
  return compare(left, inverted ? '!=' : 'in', right)
}

export function and(left: Expression, mask: bigint | number): Expression {
  return { kind: 'binary', operator: '&', left, right: value(mask) }
}

/** A range, or a value where both ends are the same. */
export function span({ from, to }: { from: number | bigint; to: number | bigint }): Expression {
  return from === to ? value(from) : { kind: 'range', from: BigInt(from), to: BigInt(to) }
}
