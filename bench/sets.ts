/** What does a set of a million prefixes take: to load, to look up, to change? */
import { IntervalSet } from '../src/engine/state/sets/intervals.js'
import { widthOf, writeWords } from '../src/engine/state/sets/words.js'
import { boundsOf } from '../src/ruleset/elements.js'
import type { PrefixElement } from '../src/ruleset/model.js'
import { nanoseconds, type Report } from './report.js'
import { pick, random } from './traffic.js'

const ELEMENTS = 1_000_000
/** Few enough to take little of the processor's cache, and many more than their elements have room in it. */
const LOOKUPS = 1 << 18
const CHANGES = 200_000

export function sets(report: Report): void {
  measure(report, 32, 'ipv4_addr', [22, 24, 24, 28, 32])
  measure(report, 128, 'ipv6_addr', [32, 40, 48, 48, 56, 64, 128])
}

function measure(
  report: Report,
  bits: 32 | 128,
  type: 'ipv4_addr' | 'ipv6_addr',
  lengths: readonly number[],
): void {
  const name = `${ELEMENTS.toLocaleString('en')} of ${type}`
  const figure = (what: string, value: number, unit: string) =>
    report({ bench: 'sets', case: `${name}: ${what}`, value, unit })
  const next = random(bits)
  const elements = prefixes(bits, lengths, next)
  const width = widthOf(bits)

  global.gc?.()
  const before = process.memoryUsage().arrayBuffers
  const start = performance.now()
  const set = new IntervalSet(bits, ELEMENTS)
  set.fill(elements.map((element) => boundsOf(element, { type, bits })))
  figure('loaded', (performance.now() - start) / 1000, 's')
  global.gc?.()
  figure('memory reserved', (process.memoryUsage().arrayBuffers - before) / 1e6, 'MB')
  figure('memory in use', set.bytes / 1e6, 'MB')

  const hits = new Int32Array(LOOKUPS * width)
  const misses = new Int32Array(LOOKUPS * width)
  for (let i = 0; i < LOOKUPS; i++) {
    const { base, length } = pick(elements, next)
    writeWords(base | (randomValue(bits, next) >> BigInt(length)), width, hits, i * width)
    writeWords(randomValue(bits, next), width, misses, i * width)
  }
  let found = 0
  const lookUp = (values: Int32Array) =>
    nanoseconds((count) => {
      for (let i = 0; i < count; i++) if (set.find(values, i * width) >= 0) found++
    }, LOOKUPS)
  figure('a look-up that hits', lookUp(hits), 'ns')
  figure('a look-up of any address', lookUp(misses), 'ns')
  if (found < LOOKUPS * 7) throw new Error('an element was not found')

  const values = Array.from({ length: CHANGES }, () => randomValue(bits, next))
  const removing = performance.now()
  for (let i = 0; i < CHANGES; i++) set.remove(i * 4)
  const removed = performance.now()
  figure('an element removed', ((removed - removing) / CHANGES) * 1000, 'µs')
  let slowest = 0
  for (const value of values) {
    const one = performance.now()
    set.add(value, value)
    slowest = Math.max(slowest, performance.now() - one)
  }
  figure('an address added', ((performance.now() - removed) / CHANGES) * 1000, 'µs')
  figure('the slowest of them', slowest * 1000, 'µs')
}

function randomValue(bits: number, next: () => number): bigint {
  let value = 0n
  for (let word = 0; word < bits / 32; word++) value = (value << 32n) | BigInt(Math.floor(next() * 2 ** 32))
  return value
}

/** Prefixes that do not overlap, in no order. */
function prefixes(bits: number, lengths: readonly number[], next: () => number): PrefixElement[] {
  const all = Array.from({ length: ELEMENTS * 1.4 }, (): PrefixElement => {
    const length = pick(lengths, next)
    const host = BigInt(bits - length)
    return { kind: 'prefix', base: (randomValue(bits, next) >> host) << host, length }
  })
  all.sort((a, b) => (a.base < b.base ? -1 : a.base > b.base ? 1 : a.length - b.length))
  let last = -1n
  const disjoint = all.filter(({ base, length }) => {
    if (base <= last) return false
    last = base | ((1n << BigInt(bits - length)) - 1n)
    return true
  })
  for (let i = disjoint.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1))
    const other = disjoint[i]!
    disjoint[i] = disjoint[j]!
    disjoint[j] = other
  }
  return disjoint.slice(0, ELEMENTS)
}
