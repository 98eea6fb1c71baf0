import type { Environment, Supply } from '../engine/environment.js'

/** What is known of packets that come from the kernel's queue. */
export const LIVE: ReadonlySet<Supply> = new Set<Supply>(['ct state', 'clock', 'interfaces'])

/** Random numbers that are drawn from the system at a time. */
const POOL = 1024

/** What the engine learns from this host. Packets have the monotonic clock's time. */
export function liveEnvironment(): Environment {
  const seeds = crypto.getRandomValues(new Int32Array(2))
  const pool = new Uint32Array(POOL)
  let next = POOL
  const random = () => {
    if (next === POOL) {
      crypto.getRandomValues(pool)
      next = 0
    }
    return pool[next++]!
  }
  const start = process.hrtime.bigint()
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions()
  const origin = BigInt(Date.now()) * 1_000_000n - start
  return { seeds: [seeds[0]!, seeds[1]!], random, start: Number(start), clock: { origin, timeZone } }
}
