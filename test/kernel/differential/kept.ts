/** The cases that were found once, and kept with what the kernel said of them. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Case, Outcome } from './case.js'

/** Where cases are kept that every test run judges again. */
export const KEPT = 'test/kernel/cases'

export interface KeptCase extends Case {
  /** What the kernel says, with the times at which it said so. */
  readonly kernel: Outcome
}

export function keptCases(): KeptCase[] {
  return readdirSync(KEPT).map((file) =>
    JSON.parse(readFileSync(join(KEPT, file), 'utf8'), (key, value) =>
      key === 'origin' ? BigInt(value) : value,
    ),
  )
}

/** Writes a case into a folder. */
export function keep(one: KeptCase & { readonly difference: string }, folder: string): void {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${one.name.toLowerCase().replaceAll(/\W+/g, '-')}.json`)
  const json = JSON.stringify(one, (_, value) => (typeof value === 'bigint' ? String(value) : value), 2)
  writeFileSync(file, `${json}\n`)
}
