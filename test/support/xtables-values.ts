/** What random matches of xtables are made of. */
import fc from 'fast-check'
import { parseAddress } from '../../src/packet/address.js'
import type { XtablesMatch, XtablesName } from '../../src/ruleset/xtables.js'
import { IPV4, IPV6, PORTS } from './arbitrary.js'

export type XtablesFamily = 'ip' | 'ip6'

export const invert = fc.constantFrom<{ invert?: true }>({}, {}, { invert: true })
export const flag = fc.boolean()

export function span(...values: number[]) {
  return fc
    .tuple(fc.constantFrom(...values), fc.constantFrom(...values), flag, invert)
    .map(([a, b, single, inverted]) =>
      single ? { from: a, to: a, ...inverted } : { from: Math.min(a, b), to: Math.max(a, b), ...inverted },
    )
}

export const port = span(...PORTS)

/** Each option of a record is there half of the time. */
export function options<T extends Record<string, unknown>>(
  all: { [K in keyof T]: fc.Arbitrary<T[K]> },
): fc.Arbitrary<Partial<T>> {
  return fc.record(all, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>
}

export function node<N extends XtablesName>(
  name: N,
  rest: fc.Arbitrary<object> = fc.constant({}),
): fc.Arbitrary<XtablesMatch> {
  return rest.map((rest) => ({ kind: 'xtables', name, ...rest }) as XtablesMatch)
}

export function address(family: XtablesFamily): fc.Arbitrary<bigint> {
  return fc.constantFrom(...(family === 'ip' ? IPV4 : IPV6).map((text) => parseAddress(text)!.value))
}

export function mask(family: XtablesFamily): fc.Arbitrary<bigint> {
  const bits = family === 'ip' ? 32 : 128
  return fc
    .constantFrom(0, 8, 24, 31, bits)
    .map((length) => ((1n << BigInt(length)) - 1n) << BigInt(bits - length))
}

export const masked = fc
  .tuple(fc.constantFrom(0, 1, 3, 0x80000000, 0xffffffff), fc.constantFrom(1, 0xff, 0xffffffff), invert)
  .map(([value, mask, inverted]) => ({ value: (value & mask) >>> 0, mask, ...inverted }))
