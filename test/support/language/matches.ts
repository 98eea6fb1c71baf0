/** Matches of every form that a selector allows: values, ranges, sets, bits, masks, maps and their negations. */
import fc from 'fast-check'
import type {
  AnonymousMap,
  Expression,
  Match,
  Operator,
  Selector,
  VerdictMap,
} from '../../../src/ruleset/model.js'
import type { PartType } from '../../../src/ruleset/types.js'
import { typeOf } from '../../../src/ruleset/types.js'
import { type About, type Knows, kept, selectorsAbout } from './selectors.js'
import { MAPS, SETS } from './sets.js'
import { bits, constant, elements, hasRanges, interval, isMask, pointsOf } from './values.js'

export const selector = kept((about: About, knows: Knows): fc.Arbitrary<Selector> => {
  return fc
    .constantFrom(...selectorsAbout(about, knows))
    .chain((group) => fc.constantFrom(...group))
    .map((one) => ({ ...one }))
})

const match = (operator: Operator, left: Expression, right: Expression): Match => ({
  kind: 'match',
  operator,
  left,
  right,
})

export const partOf = (one: Expression): PartType => typeOf(one)![0]!

/** Comparisons of a selector with constants. */
function comparison(left: Selector): fc.Arbitrary<Match> {
  const part = partOf(left)
  if (left.kind === 'numgen') return counted(left)
  if (isMask(part)) return bitComparison(left, part)
  const equality = fc.constantFrom<Operator>('in', 'in', '!=')
  const single = fc.tuple(equality, constant(part)).map(([operator, right]) => match(operator, left, right))
  if (part.bits === 1 || part.type === 'ct_label') return single
  const several = fc
    .tuple(equality, elements([part], part.type !== 'ifname'))
    .filter(([, some]) => some.length > 1)
    .map(([operator, some]) => match(operator, left, { kind: 'set', elements: some }))
  if (!hasRanges(part)) return fc.oneof(single, several)
  const within = fc
    .tuple(equality, interval(part))
    .map(([operator, right]) => match(operator, left, right as Expression))
  const ordered = fc
    .tuple(fc.constantFrom<Operator>('<', '<=', '>', '>='), fc.constantFrom(...pointsOf(part)))
    .filter(([operator, value]) => isPossible(operator, value, part))
    .map(([operator, value]) => match(operator, left, { kind: 'value', value }))
  return fc.oneof(single, several, within, ordered, ...(canBeMasked(left, part) ? [masked(left, part)] : []))
}

/** nft refuses numbers that do not come out of a generator. */
function counted(left: Extract<Selector, { kind: 'numgen' | 'hash' }>): fc.Arbitrary<Match> {
  return fc
    .tuple(fc.constantFrom<Operator>('in', '!='), fc.nat(left.modulus - 1))
    .map(([operator, value]) => match(operator, left, { kind: 'value', value: BigInt(value + left.offset) }))
}

/** nft refuses comparisons that no value or every value fits. */
function isPossible(operator: Operator, value: bigint, { bits }: PartType): boolean {
  const most = (1n << BigInt(bits)) - 1n
  return !((operator === '<' && value === 0n) || (operator === '>' && value === most))
}

/** All the forms in which flags can be asked for. */
function bitComparison(left: Selector, part: PartType): fc.Arbitrary<Match> {
  const plain = fc
    .tuple(fc.constantFrom<Operator>('in', '==', '!=', '!'), bits(part))
    .map(([operator, right]) => match(operator, left, right))
  const several = fc
    .tuple(
      fc.constantFrom<Operator>('in', '!='),
      fc.subarray([...pointsOf(part)], { minLength: 2, maxLength: 4 }),
    )
    .map(([operator, some]) =>
      match(operator, left, { kind: 'set', elements: some.map((value) => ({ kind: 'value', value })) }),
    )
  const masks = fc
    .tuple(fc.constantFrom<Operator>('==', '!='), bits(part), bits(part))
    .map(([operator, mask, value]) =>
      match(operator, { kind: 'binary', operator: '&', left, right: mask }, value),
    )
  return fc.oneof(plain, several, masks)
}

const canBeMasked = (left: Selector, { type, bits }: PartType) =>
  bits % 8 === 0 &&
  (left.kind === 'payload' || left.kind === 'meta') &&
  ['mark', 'inet_service', 'ipv4_addr', 'ipv6_addr'].includes(type)

/** Values of which some bits are taken or changed before they are compared. */
function masked(left: Selector, part: PartType): fc.Arbitrary<Match> {
  const operand = fc.constantFrom(...pointsOf(part))
  return fc
    .tuple(
      fc.constantFrom<Operator>('in', '!='),
      fc.constantFrom<'&' | '|' | '^'>('&', '&', '|', '^'),
      operand,
      operand,
    )
    .map(([operator, by, with_, value]) =>
      match(
        operator,
        { kind: 'binary', operator: by, left, right: { kind: 'value', value: with_ } },
        { kind: 'value', value: by === '&' ? value & with_ : value },
      ),
    )
}

/** Look-ups in the named sets that hold values of the selector's type. */
function lookUp(about: About, knows: Knows): fc.Arbitrary<Match> {
  const sets = SETS.filter((set) => set.isFor(about, knows))
  return fc
    .tuple(fc.constantFrom(...sets), fc.constantFrom<Operator>('in', 'in', '!='))
    .chain(([set, operator]) =>
      set.key(about).map((left) => match(operator, left, { kind: 'reference', name: set.name })),
    )
}

/** Concatenations with anonymous sets. */
function concatenation(about: About, knows: Knows): fc.Arbitrary<Match> {
  return fc
    .tuple(key(about, knows, 2, 3), fc.boolean(), fc.constantFrom<Operator>('in', 'in', '!='))
    .chain(([left, intervals, operator]) =>
      elements(typeOf(left)!, intervals, 4).map((some) =>
        match(operator, left, { kind: 'set', elements: some }),
      ),
    )
}

/** What a set or map can be looked up by: one selector or several different ones. */
export function key(about: About, knows: Knows, least = 1, most = 2): fc.Arbitrary<Expression> {
  return keyOf(about, knows, least, most)
}

const keyOf = kept((about: About, knows: Knows, least: number, most: number): fc.Arbitrary<Expression> => {
  return fc
    .array(selector(about, knows), { minLength: least, maxLength: most })
    .filter(
      (parts) =>
        parts.every(isPartOfKeys) && new Set(parts.map((part) => JSON.stringify(part))).size === parts.length,
    )
    .map((parts) => (parts.length === 1 ? parts[0]! : { kind: 'concat', parts }))
})

/** Parts of keys are of whole bytes, and have more than two values. */
function isPartOfKeys(part: Selector): boolean {
  const { bits, type } = partOf(part)
  return (
    bits % 8 === 0 &&
    bits <= 128 &&
    !isMask({ type, bits }) &&
    type !== 'ct_label' &&
    part.kind !== 'raw' &&
    part.kind !== 'numgen' &&
    type !== 'boolean' &&
    type !== 'integer' &&
    type !== 'host_integer' &&
    type !== 'raw_integer' &&
    type !== 'date' &&
    !(part.kind === 'ct' && part.key.startsWith('proto-'))
  )
}

export const anyMatch = kept((about: About, knows: Knows): fc.Arbitrary<Match> => {
  return fc.oneof(
    { weight: 10, arbitrary: selector(about, knows).chain(comparison) },
    { weight: 3, arbitrary: lookUp(about, knows) },
    { weight: 1, arbitrary: concatenation(about, knows) },
    { weight: 1, arbitrary: hashed(about, knows) },
  )
})

/** Hashes of what the packet holds, spread over a few numbers. */
function hashed(about: About, knows: Knows): fc.Arbitrary<Match> {
  return fc
    .tuple(
      key(about, { ...knows, clock: false }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    )
    .chain(([of, modulus, seed]) => counted({ kind: 'hash', of, modulus, seed, offset: 0 }))
}

/** Verdict maps, with keys that may lead nowhere. */
export function verdictMap(about: About, knows: Knows, targets: readonly string[]): fc.Arbitrary<VerdictMap> {
  const verdict = fc.constantFrom(
    { kind: 'accept' } as const,
    { kind: 'drop' } as const,
    { kind: 'continue' } as const,
    { kind: 'return' } as const,
    ...targets.map((target) => ({ kind: 'jump', target }) as const),
    ...targets.map((target) => ({ kind: 'goto', target }) as const),
  )
  const anonymous = key(about, knows).chain((left) =>
    elements(typeOf(left)!, true).chain((keys) =>
      fc.tuple(...keys.map(() => verdict)).map(
        (verdicts): VerdictMap => ({
          kind: 'vmap',
          key: left,
          map: {
            kind: 'anonymous map',
            elements: keys.map((one, i) => ({ kind: 'pair', key: one, data: verdicts[i]! })),
          } satisfies AnonymousMap,
        }),
      ),
    ),
  )
  const named = MAPS.filter((map) => map.data === 'verdict' && map.isFor(about, knows))
  if (named.length === 0 || targets.length === 0) return anonymous
  return fc.oneof(
    anonymous,
    fc
      .constantFrom(...named)
      .chain((map) =>
        map
          .key(about)
          .map(
            (left): VerdictMap => ({ kind: 'vmap', key: left, map: { kind: 'reference', name: map.name } }),
          ),
      ),
  )
}
