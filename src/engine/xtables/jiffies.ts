/** The kernel's clock in xtables: ticks of 4 ms, as kernels of HZ=250 have. */
export const HZ = 250
const NANOSECONDS = 1e9 / HZ

/** Ticks at a time in nanoseconds. */
export function jiffiesOf(nanoseconds: number): number {
  return Math.floor(nanoseconds / NANOSECONDS)
}

/** When a tick begins, in nanoseconds. */
export function timeOf(jiffies: number): number {
  return jiffies * NANOSECONDS
}

/** Ticks that a time in milliseconds lasts (msecs_to_jiffies): part of one counts as one. */
export function jiffiesIn(milliseconds: number): number {
  return Math.ceil((milliseconds * HZ) / 1000)
}
