/** Case after case, until a bound is reached. */
import { EVALUATORS } from '../../../src/engine/host/evaluators.js'
import { LanguageError } from '../../../src/language/diagnostic.js'
import { EVERYTHING } from '../../support/language/selectors.js'
import { type Case, isPacket, isRefusal, type Outcome, type Refusal } from './case.js'
import { type Difference, differenceOf } from './compare.js'
import { conversationOf } from './conversations.js'
import { caseOf, FOR_THE_KERNEL, importCaseOf } from './generate.js'
import { type ImportedPair, importedPair } from './imported.js'
import { keep } from './kept.js'
import type { KernelJudge } from './kernel-judge.js'
import { judgeOurselves } from './our-judge.js'
import { shrink } from './shrink.js'

/** How often a difference must come again: a busy machine's clock ticks while a packet is judged. */
const REPETITIONS = 3
/** Lines that the judge puts before a ruleset, its taps. */
const TAPS_LINES = 15

export interface Bounds {
  readonly seed: number
  /** The number of the first case. */
  readonly first: number
  /** Of performance.now(). */
  readonly until: number
  readonly packets: number
  readonly rulesets: number
  /** Cases are of conversations and what connection tracking makes of them. */
  readonly conversations?: boolean
  /** Rulesets of iptables, beside what import makes of them. */
  readonly imports?: boolean
  /** A folder for the cases that were found. */
  readonly save?: string
}

export interface Progress {
  rulesets: number
  packets: number
  /** Rulesets that the kernel, or we, did not take. */
  refused: number
  unread: number
  mismatches: number
  /** Differences that were gone when the case was judged again: of time, mostly. */
  unrepeated: number
}

export interface Found extends Case {
  readonly difference: string
}

export class Run {
  readonly progress: Progress = {
    rulesets: 0,
    packets: 0,
    refused: 0,
    unread: 0,
    mismatches: 0,
    unrepeated: 0,
  }
  readonly found: Found[] = []
  readonly #bounds: Bounds
  readonly #refusals = new Map<string, number>()
  #next: number

  constructor(bounds: Bounds) {
    this.#bounds = bounds
    this.#next = bounds.first
  }

  /** Reasons for which rulesets were refused, the most frequent first. */
  refusals(): [reason: string, count: number][] {
    return [...this.#refusals].sort(([, a], [, b]) => b - a)
  }

  /** Judges cases with a judge of the kernel's, or without; may be called for several judges at a time. */
  async work(kernel: KernelJudge | undefined): Promise<void> {
    const { until, packets, rulesets, first } = this.#bounds
    while (performance.now() < until && this.progress.packets < packets && this.#next - first < rulesets) {
      await this.#judge(this.#case(this.#next++, kernel), kernel)
      // Timers and other judges have their turn, too, where nothing is waited for.
      if (kernel === undefined) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #case(number: number, kernel: KernelJudge | undefined): Case {
    const { seed, conversations, imports } = this.#bounds
    if (conversations) return conversationOf(seed, number)
    if (imports) return importCaseOf(seed, number)
    return caseOf(seed, number, kernel === undefined ? EVERYTHING : FOR_THE_KERNEL)
  }

  async #judge(one: Case, kernel: KernelJudge | undefined): Promise<void> {
    const result = await ask(one, kernel)
    if ('refused' in result) {
      this.progress[result.by === 'kernel' ? 'refused' : 'unread']++
      const reason = reasonOf(result.refused, one.rules)
      this.#refusals.set(reason, (this.#refusals.get(reason) ?? 0) + 1)
      return
    }
    this.progress.rulesets++
    this.progress.packets += one.lines.filter(isPacket).length
    if (result.difference === undefined) return
    let { difference } = result
    for (let i = 0; i < REPETITIONS; i++) {
      const again = await ask(one, kernel)
      if ('refused' in again || again.difference === undefined) {
        this.progress.unrepeated++
        return
      }
      difference = again.difference
    }
    this.progress.mismatches++
    await this.#tell(one, kernel, difference)
  }

  async #tell(one: Case, kernel: KernelJudge | undefined, first: Difference): Promise<void> {
    // What makes an evaluator throw is another find than the one that is made smaller.
    const fails = async (smaller: Case) => {
      const result = await ask(smaller, kernel).catch(() => undefined)
      return result !== undefined && !('refused' in result) && result.difference?.by === first.by
    }
    const smallest = await shrink(one, fails)
    const result = await ask(smallest, kernel)
    if ('refused' in result) return
    const difference = result.difference?.what ?? `nothing any more, but there was: ${first.what}`
    this.found.push({ ...smallest, difference })
    process.stderr.write(
      `\n${one.name}\n${smallest.rules}\n${smallest.lines.join('\n')}\n=> ${difference}\n\n`,
    )
    if (this.#bounds.save !== undefined)
      keep({ ...smallest, kernel: result.truth, difference }, this.#bounds.save)
  }
}

interface Judged {
  readonly truth: Outcome
  readonly difference: Difference | undefined
}

/** Judges a case by the kernel, or the first evaluator in its stead, and by the evaluators. */
async function ask(
  one: Case,
  kernel: KernelJudge | undefined,
): Promise<Judged | (Refusal & { by: 'kernel' | 'us' })> {
  if (one.imports) return askImported(one, kernel)
  const times = TIMES
  const truth = kernel === undefined ? judgeOurselves(one, EVALUATORS[0], times) : await kernel.judge(one)
  if (isRefusal(truth)) return { ...truth, by: kernel === undefined ? 'us' : 'kernel' }
  let difference: Difference | undefined
  // The reference knows nothing of xtables.
  const evaluators = EVALUATORS.filter(
    (name) => (kernel !== undefined || name !== EVALUATORS[0]) && (one.loader === 'nft' || name === 'tree'),
  )
  for (const evaluator of evaluators) {
    const ours = judgeOurselves(one, evaluator, truth)
    if (isRefusal(ours)) return { ...ours, by: 'us' }
    const found = differenceOf(one, truth, ours)
    if (found === undefined) continue
    const before = difference === undefined ? '' : `${difference.what}; `
    const by = difference === undefined ? evaluator : `${difference.by}, ${evaluator}`
    difference = { packet: found.packet, what: `${before}${evaluator}: ${found.what}`, by }
  }
  return { truth, difference }
}

const TIMES = { origin: 1_700_000_000_000_000_000n, loaded: 0 }

/** Judges a ruleset of iptables and what import makes of it, both by the kernel or both by us. */
async function askImported(
  one: Case,
  kernel: KernelJudge | undefined,
): Promise<Judged | (Refusal & { by: 'kernel' | 'us' })> {
  const judge = (each: Case) =>
    kernel === undefined ? judgeOurselves(each, 'tree', TIMES) : kernel.judge(each)
  let pair: ImportedPair
  try {
    pair = importedPair(one)
  } catch (error) {
    if (error instanceof LanguageError) return { refused: error.message, by: 'us' }
    throw error
  }
  const truth = await judge({ ...one, rules: pair.rules })
  if (isRefusal(truth)) return { ...truth, by: 'kernel' }
  const imported = await judge({ ...one, loader: 'nft', rules: pair.nft })
  // What we print must load.
  if (isRefusal(imported))
    return {
      truth,
      difference: { packet: -1, what: `refused: ${imported.refused}\n${pair.nft}`, by: 'import' },
    }
  const found = differenceOf(one, truth, imported)
  return { truth, difference: found && { ...found, what: `${found.what}\n${pair.nft}`, by: 'import' } }
}

/** A refusal's reason, with the line that it is about: the kernel's count from where its taps end, ours from 1. */
function reasonOf(refused: string, rules: string): string {
  const [, line] = /^\S*?:(\d+):/.exec(refused) ?? []
  const reason = refused
    .split(/\n|\|/)
    .slice(0, 3)
    .join(' | ')
    .replace(/^.*?(?:error|Error): /, '')
  const lines = rules.split('\n')
  const where = lines[Number(line) - 1 - (refused.startsWith('/dev/stdin') ? TAPS_LINES : 0)]
  return where === undefined ? reason : `${reason}: ${where.trim()}`
}
