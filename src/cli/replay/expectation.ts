import type { ReplayReport } from '../../replay/report.js'
import { Misuse } from '../errors.js'

type Outcomes = ReplayReport['outcomes']

/** Something expected of a replay: how many packets it accepts, drops (told or not) or rejects. */
export interface Expectation {
  readonly text: string
  readonly what: 'accepts' | 'drops' | 'rejects'
  readonly operator: '=' | '<' | '<=' | '>' | '>='
  readonly number: number | 'all'
}

const SHORT = { accept: 'accepts=all', drop: 'drops=all' } as const
const FORM = /^(accepts|drops|rejects)(=|<=|>=|<|>)(\d{1,15}|all)$/

/** Reads `accept`, `drop`, or such as `drops=0` and `accepts>=100`. Throws Misuse. */
export function parseExpectation(text: string): Expectation {
  const whole = SHORT[text as keyof typeof SHORT] ?? text
  const [, what, operator, number] = FORM.exec(whole) ?? []
  if (what === undefined)
    throw new Misuse(
      `--expect ${text}: expected accept, drop, or a number of accepts, drops or rejects: drops=0, accepts>=100, drops=all`,
    )
  return {
    text,
    what: what as Expectation['what'],
    operator: operator as Expectation['operator'],
    number: number === 'all' ? number : Number(number),
  }
}

/** Whether a replay did what was expected; `all` is all packets that were judged. */
export function isMet({ what, operator, number }: Expectation, outcomes: Outcomes): boolean {
  const accepts = outcomes.accept.packets
  const rejects = outcomes.reject.packets
  const drops = outcomes.drop.packets + rejects
  const is = { accepts, drops, rejects }[what]
  const wanted = number === 'all' ? accepts + drops : number
  switch (operator) {
    case '=':
      return is === wanted
    case '<':
      return is < wanted
    case '<=':
      return is <= wanted
    case '>':
      return is > wanted
    case '>=':
      return is >= wanted
  }
}
