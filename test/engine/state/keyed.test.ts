import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeyedTable } from '../../../src/engine/state/keyed.js'

test('it is a bounded map that knows the order of use', () => {
  const operation = fc.record({
    what: fc.constantFrom('add', 'add', 'touch', 'remove', 'remove oldest', 'clear'),
    key: fc.tuple(fc.integer({ min: -2, max: 3 }), fc.integer({ min: 0, max: 2 })),
  })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(operation, { maxLength: 60 }),
      (capacity, operations) => {
        const table = new KeyedTable(capacity, 2, [3, 4])
        // Keys and their slots, the oldest first.
        let model: { key: string; slot: number }[] = []
        for (const { what, key } of operations) {
          table.key.set(key)
          const known = model.find((each) => each.key === String(key))
          expect(table.find()).toBe(known?.slot ?? -1)
          if (what === 'add' && known === undefined) {
            const slot = table.add()
            if (model.length === capacity) expect(slot).toBe(-1)
            else model.push({ key: String(key), slot })
          } else if (what === 'touch' && known !== undefined) {
            table.touch(known.slot)
            model = [...model.filter((each) => each !== known), known]
          } else if (what === 'remove' && known !== undefined) {
            table.remove(known.slot)
            model = model.filter((each) => each !== known)
          } else if (what === 'remove oldest' && model.length > 0) {
            table.remove(table.oldest)
            model.shift()
          } else if (what === 'clear' && key[0] === 3) {
            table.clear()
            model = []
          }
          expect(table.size).toBe(model.length)
          expect(table.oldest).toBe(model[0]?.slot ?? -1)
          expect(new Set(model.map(({ slot }) => slot)).size).toBe(model.length)
        }
        for (const { slot } of model) {
          expect(table.oldest).toBe(slot)
          table.remove(slot)
        }
        expect(table.oldest).toBe(-1)
      },
    ),
    { numRuns: 300 },
  )
})
