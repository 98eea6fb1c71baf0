/** Values of each datatype, few of them, so that rules and packets often meet; and their neighbours. */
import fc from 'fast-check'
import { parseAddress } from '../../../src/packet/address.js'
import { isBitmask } from '../../../src/ruleset/datatypes.js'
import type { Expression, PlainElement } from '../../../src/ruleset/model.js'
import type { PartType } from '../../../src/ruleset/types.js'

export const ADDRESSES4 = [
  '10.0.0.1',
  '10.0.0.7',
  '10.0.0.99',
  '10.0.1.7',
  '10.1.0.1',
  '192.0.2.1',
  '192.168.7.1',
]
export const ADDRESSES6 = [
  'fd00::1',
  'fd00::7',
  'fd00::99',
  'fd00:0:0:1::7',
  '2001:db8::1',
  '2001:db8:ffff::2',
]
export const PORTS = [0, 1, 22, 80, 443, 1024, 8080, 11434, 65535]
export const INTERFACE_NAMES = ['eth0', 'eth1', 'lo', 'wlan0']
export const MARKS = [0, 1, 2, 0x12, 0xff00, 0x80000000, 0xffffffff]
export const IP_PROTOCOLS = [1, 2, 6, 17, 33, 50, 51, 58, 108, 132, 136, 253]
const NAME_PATTERNS = ['eth0', 'eth*', 'lo', 'w*', 'docker0', 'br-long-name-15']

/** All values of a type that rules are made of, in ascending order. */
export function pointsOf({ type, bits }: PartType): readonly bigint[] {
  return [...new Set(listOf(type).map(BigInt))]
    .filter((value) => value < 1n << BigInt(bits))
    .sort((a, b) => (a < b ? -1 : 1))
}

function listOf(type: PartType['type']): readonly (number | bigint)[] {
  switch (type) {
    case 'ipv4_addr':
      return ADDRESSES4.map((text) => parseAddress(text)!.value)
    case 'ipv6_addr':
      return ADDRESSES6.map((text) => parseAddress(text)!.value)
    case 'inet_service':
      return PORTS
    case 'inet_proto':
      return IP_PROTOCOLS
    case 'mark':
      return MARKS
    case 'nf_proto':
      return [2, 10]
    case 'ether_type':
      return [0x0800, 0x86dd]
    case 'icmp_type':
      return [0, 3, 5, 8, 11, 13]
    case 'icmpv6_type':
      return [1, 2, 4, 128, 129, 135, 136]
    case 'igmp_type':
      return [0x11, 0x16, 0x22]
    case 'pkt_type':
    case 'day':
      return [0, 1, 2, 3]
    case 'ct_dir':
    case 'boolean':
      return [0, 1]
    case 'ct_state':
      return [1, 2, 4, 8, 64]
    case 'ct_status':
      return [1, 2, 4, 8]
    case 'tcp_flag':
      return [1, 2, 4, 8, 16, 32]
    case 'ct_label':
      return [0, 1, 31, 32, 127]
    case 'fib_addrtype':
      return [1, 2, 3, 5]
    case 'uid':
    case 'gid':
      return [0, 1000, 65534]
    case 'classid':
      return [0, 0x10001, 0x10010]
    case 'time':
      return [10_000, 30_000, 60_000, 432_000_000]
    case 'hour':
      return [0, 21_600, 43_200, 61_200, 86_399]
    case 'date':
      return [1n, 1_700_000_000n, 1_800_000_000n, 2_000_000_000n].map((seconds) => seconds * 1_000_000_000n)
    default:
      return [0, 1, 2, 5, 8, 20, 40, 64, 100, 255, 1280, 1460, 2 ** 16 - 1, 2 ** 20 - 1, 2 ** 32 - 1]
  }
}

/** Whether values of a type can be written as a range. */
export function hasRanges({ type }: PartType): boolean {
  return [
    'ipv4_addr',
    'ipv6_addr',
    'inet_service',
    'integer',
    'host_integer',
    'mark',
    'time',
    'uid',
  ].includes(type)
}

/** One value, as constants are written. */
export function constant(part: PartType): fc.Arbitrary<Expression> {
  if (part.type === 'ifname')
    return fc.constantFrom(...NAME_PATTERNS).map((value) => ({ kind: 'value', value }))
  return fc.constantFrom(...pointsOf(part)).map((value) => ({ kind: 'value', value }))
}

/** Some bits of a bit-mask type. */
export function bits(part: PartType): fc.Arbitrary<Expression> {
  return fc
    .subarray([...pointsOf(part)], { minLength: 1, maxLength: 3 })
    .map((some) => some.reduce((all, bit) => all | bit, 0n))
    .map((all) => ((all & (all - 1n)) === 0n ? { kind: 'value', value: all } : { kind: 'flags', bits: all }))
}

/** Values, and ranges if `intervals`: no two of them share a value, in ascending order. */
export function disjoint(part: PartType, intervals: boolean): readonly PlainElement[] {
  if (part.type === 'ifname') return INTERFACE_NAMES.map((value) => ({ kind: 'value', value }))
  const points = pointsOf(part)
  const ranges = intervals && hasRanges(part)
  return points.map((from, i): PlainElement => {
    const next = points[i + 1]
    if (!ranges || i % 2 === 0 || next === undefined || next === from + 1n)
      return { kind: 'value', value: from }
    return { kind: 'range', from, to: next - 1n }
  })
}

/** A range or a prefix. */
export function interval(part: PartType): fc.Arbitrary<PlainElement> {
  const points = pointsOf(part)
  const range = fc
    .tuple(fc.constantFrom(...points), fc.constantFrom(...points))
    .map(([a, b]): PlainElement => {
      const [from, to] = a < b ? [a, b] : [b, a]
      return from === to ? { kind: 'value', value: from } : { kind: 'range', from, to }
    })
  if (part.type !== 'ipv4_addr' && part.type !== 'ipv6_addr') return range
  const prefix = fc
    .tuple(fc.constantFrom(...points), fc.integer({ min: 1, max: part.bits - 1 }))
    .map(([base, length]): PlainElement => {
      const host = BigInt(part.bits - length)
      return { kind: 'prefix', base: (base >> host) << host, length }
    })
  return fc.oneof(range, prefix)
}

/** The elements of a set of these types: none of them overlap. */
export function elements(
  parts: readonly PartType[],
  intervals: boolean,
  maxLength = 5,
): fc.Arbitrary<PlainElement[]> {
  const [first, ...rest] = parts
  const keys = disjoint(first!, intervals)
  const some = fc.subarray([...keys], { minLength: 1, maxLength: Math.min(maxLength, keys.length) })
  if (rest.length === 0) return some
  return some.chain((firsts) =>
    fc
      .tuple(
        ...firsts.map((one) =>
          fc
            .tuple(...rest.map((part) => fc.constantFrom(...disjoint(part, intervals))))
            .map((others): PlainElement => ({ kind: 'concat', parts: [one, ...others] as Expression[] })),
        ),
      )
      .map((all) => all as PlainElement[]),
  )
}

export const isMask = ({ type }: PartType) => isBitmask(type)
