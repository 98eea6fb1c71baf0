import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lastOf, type Prefix, prefixOf } from '../../../src/packet/address.js'
import { BanMemory } from '../../../src/queue/bans/memory.js'

const words = (value: bigint) =>
  Int32Array.from([96n, 64n, 32n, 0n], (shift) => Number((value >> shift) & 0xffffffffn))

function has(memory: BanMemory, { bits, value }: Pick<Prefix, 'bits' | 'value'>): boolean {
  const address = words(value)
  return bits === 32 ? memory.has4(address[3]!) : memory.has6(address, 0)
}

const address = fc.oneof(
  fc.bigInt(0n, 0xffffffffn).map((value) => ({ bits: 32 as const, value })),
  fc.bigInt(0n, 2n ** 128n - 1n).map((value) => ({ bits: 128 as const, value })),
  fc.bigInt(0x0a000000n, 0x0a000007n).map((value) => ({ bits: 32 as const, value })),
)
const prefix = fc
  .tuple(address, fc.nat(128))
  .map(([one, length]) => prefixOf(one, Math.min(length, one.bits)))

test('knows who is shut out, as a list does, on both ends', () => {
  const writer = new BanMemory()
  const reader = new BanMemory(writer.memory)
  const step = fc.record({ adds: fc.boolean(), prefix, seen: address })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const list = new Map<string, Prefix>()
      const key = ({ bits, value, length }: Prefix) => `${bits} ${value}/${length}`
      for (const { adds, prefix, seen } of steps) {
        if (adds) {
          list.set(key(prefix), prefix)
          writer.add(prefix.bits, prefix.length, prefix.value)
        } else {
          // Mostly one that is there.
          const [first = prefix] = list.values()
          list.delete(key(first))
          writer.remove(first.bits, first.length, first.value)
        }
        for (const one of [seen, prefix, { ...prefix, value: lastOf(prefix) }]) {
          const shutOut = [...list.values()].some(
            (other) => other.bits === one.bits && other.value <= one.value && one.value <= lastOf(other),
          )
          expect(has(reader, one)).toBe(shutOut)
        }
      }
      for (const one of list.values()) writer.remove(one.bits, one.length, one.value)
    }),
  )
})

test('two hundred thousand come and go', () => {
  const memory = new BanMemory()
  const value = (i: number) => BigInt(Math.imul(i, 0x9e3779b1) >>> 0)
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 200_000; i++) memory.add(32, 32, value(i))
    let found = 0
    for (let i = 0; i < 200_000; i++) if (memory.has4(Number(value(i)) | 0)) found++
    expect(found).toBe(200_000)
    for (let i = 0; i < 200_000; i++) memory.remove(32, 32, value(i))
    expect(new Int32Array(memory.memory)[0]).toBe(0)
    expect(memory.has4(Number(value(1)) | 0)).toBe(false)
  }
})
