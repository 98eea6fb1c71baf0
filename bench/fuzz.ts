/** npm run fuzz [-- --packets N --seed N]: see fuzz/fuzz.ts. */
import { parseArgs } from 'node:util'
import { Difference, fuzz } from './fuzz/fuzz.js'

const { values } = parseArgs({
  options: { packets: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
})
const packets = Number(values.packets)
const seed = Number(values.seed)
try {
  const ends = [...fuzz(packets, seed)].map(([end, count]) => `${end}: ${count}`).sort()
  process.stdout.write(`${packets} packets, seed ${seed}, no difference; fates by hook: ${ends.join(', ')}\n`)
} catch (error) {
  if (!(error instanceof Difference)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
