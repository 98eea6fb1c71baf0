/** Our own judges: either evaluator, in the host that all cases are about. */

import { Session } from '../../../src/cli/judge/session.js'
import { addressOf, SETTINGS } from '../../../src/cli/judge.js'
import type { EvaluatorName } from '../../../src/engine/host/evaluators.js'
import { LanguageError } from '../../../src/language/diagnostic.js'
import { loadIptablesSave } from '../../../src/language/iptables/load.js'
import { parseNft } from '../../../src/language/nft/load.js'
import { RulesetError } from '../../../src/ruleset/check.js'
import type { Ruleset } from '../../../src/ruleset/model.js'
import {
  ADDRESSES,
  type Answer,
  type Case,
  type Counter,
  INTERFACES,
  isPacket,
  type Outcome,
  type Refusal,
} from './case.js'

const NAMES = ['lo', ...INTERFACES]
const HOST = {
  ...SETTINGS,
  interfaces: NAMES,
  addresses: ADDRESSES.map((one) => addressOf(one, NAMES)),
}
const SEEDS = [20261122, 4] as const
/** Connections and fragments of a case are few. */
const CONNECTIONS = 4096
const FRAGMENT_BYTES = 2 ** 18
const NANOSECONDS = 1e6

/** When things happen: as the kernel had it, or at times of our own. */
export type Times = Pick<Outcome, 'origin' | 'loaded'> & {
  readonly answers?: readonly Pick<Answer, 'time'>[]
}

/** Judges a case; whoever asks twice is told the same. */
export function judgeOurselves(one: Case, evaluator: EvaluatorName, times: Times): Outcome | Refusal {
  try {
    const ruleset = read(one)
    let random = 0
    const session = new Session(
      ruleset,
      {
        settings: { ...HOST, forwarding: one.forwards ?? true },
        evaluator,
        explain: false,
        seeds: SEEDS,
        random: () => (random = (Math.imul(random, 1664525) + 1013904223) >>> 0),
        clock: { origin: times.origin, timeZone: 'UTC' },
        connections: CONNECTIONS,
        fragmentBytes: FRAGMENT_BYTES,
      },
      times.loaded,
    )
    return {
      ...times,
      answers: answersOf(session, one, times),
      counters: countersOf(session, ruleset),
    }
  } catch (error) {
    if (!(error instanceof LanguageError) && !(error instanceof RulesetError)) throw error
    return { refused: error.message }
  }
}

let last: { readonly text: string; readonly ruleset: Ruleset } | undefined

/** Reads a ruleset; once if both evaluators ask for it. */
function read({ loader, rules }: Case): Ruleset {
  const text = `${loader} ${rules}`
  if (last?.text !== text) last = { text, ruleset: parse(loader, rules) }
  return last.ruleset
}

function parse(loader: Case['loader'], rules: string): Ruleset {
  if (loader === 'nft') return parseNft(rules, 'rules.nft')
  return loadIptablesSave(rules, 'rules.save', {
    family: loader.startsWith('ip6') ? 'ip6' : 'ip',
    backend: loader.includes('legacy') ? 'legacy' : 'nft',
  }).ruleset
}

function answersOf(session: Session, { lines }: Case, { loaded, answers }: Times): Answer[] {
  const said: Answer[] = []
  let time = loaded
  for (const line of lines) {
    if (!isPacket(line)) {
      time += Number(line.slice(2)) * NANOSECONDS
      continue
    }
    session.time = answers?.[said.length]?.time ?? time
    const bytes = Buffer.from(line, 'latin1')
    const [, verdict, mark = '0'] = session.judge(bytes, 0, bytes.length)!.trimEnd().split(' ')
    said.push({ verdict: verdict!, mark, time: session.time })
  }
  return said
}

function countersOf(session: Session, { tables }: Ruleset): Counter[] {
  let number = 0
  return tables.flatMap(({ family, name, chains }) =>
    chains.flatMap((chain) =>
      chain.rules.flatMap(({ statements }, place) => {
        const counted = session.counters(number++)
        return statements
          .filter(({ kind }) => kind === 'counter')
          .map((_, index) => ({
            of: `${family} ${name} ${chain.name} ${place}.${index}`,
            ...(counted[index] ?? { packets: 0, bytes: 0 }),
          }))
      }),
    ),
  )
}
