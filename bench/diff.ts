/** How long does it take to say which packets a change of one rule of a long list changes? */
import { loadNft } from '../src/language/nft/load.js'
import type { Ruleset } from '../src/ruleset/model.js'
import { diff } from '../src/space/diff.js'
import { type List, type ListRule, makeList, readList, SEED_NAMES, toNft } from './classbench.js'
import type { Files } from './classify.js'
import { median, type Report } from './report.js'

/** Where in the list the rule stands that is changed. */
const PLACES = [0.1, 0.5, 0.9]

export function diffs(report: Report, files?: Files): void {
  const lists =
    files === undefined
      ? SEED_NAMES.flatMap((seed) => [makeList(seed, 1000, 1), makeList(seed, 10_000, 1)])
      : [readList(files.list, files.trace)]
  for (const list of lists) measure(report, list)
}

function measure(report: Report, { name, rules }: List): void {
  const figure = (what: string, value: number, unit: string) =>
    report({ bench: 'diff', case: `${name}: ${what}`, value, unit })
  const old = rulesetOf(rules)
  const without = (place: number) => rules.toSpliced(Math.floor(rules.length * place), 1)
  const shorter = PLACES.map((place) => rulesetOf(without(place)))
  const times = shorter.map((fresh) => seconds(() => diff(old, fresh)))
  figure('a rule taken away, median', median(times), 's')
  figure('a rule taken away, worst of three', Math.max(...times), 's')
  const denying = PLACES.map((place) => rulesetOf(rules, place))
  const denied = denying.map((fresh) => seconds(() => diff(old, fresh)))
  figure('a rule that drops instead, worst of three', Math.max(...denied), 's')
}

/** The list; the rule at a place, if one is given, drops. */
function rulesetOf(rules: readonly ListRule[], place?: number): Ruleset {
  const lines = toNft(rules).split('\n')
  const first = lines.findIndex((line) => line.endsWith('accept'))
  const at = place === undefined ? -1 : first + Math.floor(rules.length * place)
  const text = lines.map((line, i) => (i === at ? line.replace(/accept$/, 'drop') : line)).join('\n')
  return loadNft(text, 'list.nft').ruleset
}

function seconds(action: () => void): number {
  const start = performance.now()
  action()
  return (performance.now() - start) / 1000
}
