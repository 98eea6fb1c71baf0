/** Makes a case as small as it can be and still be one. */
import type { Case } from './case.js'
import { MISREAD, UNREPEATABLE } from './generate.js'

/** Tries at most. */
const PATIENCE = 400
/** Words at a time that are left out of a rule. */
const LONGEST_RUN = 6
/** A set of one flag, which nft 1.0.6 takes for a question about that bit. */
const ONE_FLAG = /\b(?:flags|state|status) (?:!= )?\{ ?\w+,? ?\}/
/** What no case is made of. */
const UNFIT = [UNREPEATABLE, MISREAD, ONE_FLAG]

/** The smallest case that was found for which `fails` holds, as it does for the given one. */
export async function shrink(one: Case, fails: (one: Case) => Promise<boolean>): Promise<Case> {
  let smallest = one
  let tries = 0
  const attempt = async (smaller: Case): Promise<boolean> => {
    if (UNFIT.some((what) => what.test(smaller.rules))) return false
    if (tries++ >= PATIENCE || !(await fails(smaller))) return false
    smallest = smaller
    return true
  }
  for (let before = ''; before !== JSON.stringify(smallest) && tries < PATIENCE; ) {
    before = JSON.stringify(smallest)
    await fewer(smallest.lines, (lines) => attempt({ ...smallest, lines }))
    for (let depth = 0; depth <= 2; depth++) {
      const units = unitsOf(smallest.rules.split('\n'), depth)
      const isUnit = (unit: string[] | string): unit is string[] => typeof unit !== 'string'
      await fewer(units.filter(isUnit), (left) => {
        const kept = units.filter((unit) => !isUnit(unit) || left.includes(unit))
        return attempt({ ...smallest, rules: kept.flat().join('\n') })
      })
    }
    await fewerWords(smallest, attempt)
  }
  return smallest
}

/** Leaves out more and more of a list, in pieces of half its length and less. */
async function fewer<T>(
  list: readonly T[],
  attempt: (list: readonly T[]) => Promise<boolean>,
): Promise<void> {
  let left = [...list]
  for (let size = left.length; size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    // From the end: what comes after a difference goes first.
    for (let start = left.length - size; start > -size; start -= size) {
      const from = Math.max(0, start)
      const without = [...left.slice(0, from), ...left.slice(from + size)]
      if (without.length < left.length && (await attempt(without))) left = without
    }
  }
}

/** A text in pieces: what stands in so many braces, lines or whole blocks of them, can be left out; single lines cannot. */
function unitsOf(lines: readonly string[], depth: number): (string[] | string)[] {
  const units: (string[] | string)[] = []
  let inside = 0
  for (const line of lines) {
    const before = inside
    inside += (line.match(/\{/g) ?? []).length - (line.match(/\}/g) ?? []).length
    const last = units.at(-1)
    if (before > depth && Array.isArray(last)) last.push(line)
    else if (before === depth && inside >= depth && !/\bhook\b|^\s*type\b/.test(line)) units.push([line])
    else units.push(line)
  }
  return units
}

/** Leaves out runs of words of rules: the statements among them go. */
async function fewerWords(one: Case, attempt: (one: Case) => Promise<boolean>): Promise<void> {
  let rules = one.rules.split('\n')
  for (let line = 0; line < rules.length; line++) {
    if (/[{}]\s*$|\bhook\b|^\s*type\b|^\s*$/.test(rules[line]!)) continue
    for (let length = LONGEST_RUN; length >= 1; length--) {
      for (let start = 0; ; start++) {
        const words = rules[line]!.trim().split(' ')
        if (words.length <= length || start + length > words.length) break
        const shorter = [...words.slice(0, start), ...words.slice(start + length)].join(' ')
        const smaller = rules.with(line, shorter)
        if (await attempt({ ...one, rules: smaller.join('\n') })) rules = smaller
      }
    }
  }
}
