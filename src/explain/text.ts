/** Explanations for people, and as plain data. */

import { ruleText } from '../language/rule-text.js'
import type { Position, Rule, Table } from '../ruleset/model.js'
import type { Change } from './changes.js'
import type { Explanation } from './explain.js'
import type { RuleStep, Step } from './trace.js'

/** Rules of a chain that are shown, unless all are asked for: what is left out failed at once. */
const SHOWN = 40
const LONGEST_LABEL = 56
/** Verdicts as what was done; any other is a rejection. */
const PAST: Readonly<Partial<Record<string, string>>> = {
  accept: 'accepted',
  drop: 'dropped',
  lost: 'lost',
  'never seen': 'never seen',
}

export function placeOf(position: Position | undefined): string {
  return position === undefined ? '-' : `${position.file}:${position.line}`
}

/** What a rule is called: by its comment, or else by itself. */
export function labelOf(rule: Rule, table: Table): string {
  const text = rule.comment ?? ruleText(rule, table)
  return text.length > LONGEST_LABEL ? `${text.slice(0, LONGEST_LABEL - 1)}…` : text
}

/** Who decided, as `NAME (FILE:LINE)`. */
export function deciderText({ rule, chain, steps, verdict }: Explanation): string {
  if (rule !== undefined) return ruleName(rule, steps)
  if (chain !== undefined && verdict !== 'lost') return `the policy of chain ${chain.name}`
  if (verdict === 'lost') return 'no rule: it is not for this host, or a fragment whose others are missing'
  return verdict === 'never seen' ? 'no rule: it is malformed' : 'no rule: no chain is at its hooks'
}

function ruleName(rule: Rule, steps: readonly Step[]): string {
  const step = steps.find((one) => one.kind === 'rule' && one.rule === rule)
  const label = rule.comment ?? (step?.kind === 'rule' ? labelOf(rule, step.table) : 'a rule')
  return rule.position === undefined ? label : `${label} (${placeOf(rule.position)})`
}

/** The lines of an explanation. All: no rule is left out. */
export function explanationText(
  title: string,
  explanation: Explanation,
  changes: readonly Change[],
  all: boolean,
): string {
  const { steps, verdict, left } = explanation
  const rows = steps.filter((step) => step.kind === 'rule')
  const widths = [
    Math.max(1, ...rows.map(({ rule }) => placeOf(rule.position).length)),
    Math.max(1, ...rows.map(({ rule, table }) => labelOf(rule, table).length)),
  ] as const
  const shown = all || rows.length <= SHOWN ? steps : steps.filter((step) => !isFarOff(step))
  const omitted = steps.length - shown.length + left
  return [
    title,
    '',
    ...shown.map((step) => stepText(step, widths)),
    ...(omitted === 0 ? [] : [`  and ${omitted} rules whose first expression failed (--all shows them)`]),
    '',
    `${verdict}, by ${deciderText(explanation)}`,
    ...changes.map(
      ({ what, verdict: other, rule }) =>
        `  would be ${PAST[other] ?? 'rejected'} ${what}${rule === undefined ? '' : `, by ${ruleName(rule, steps)}`}`,
    ),
    '',
  ].join('\n')
}

/** Whether a rule had nothing to do with the packet. */
function isFarOff(step: Step): boolean {
  return (
    step.kind === 'rule' && step.failed !== undefined && step.failed.statement === step.rule.statements[0]
  )
}

function stepText(step: Step, widths: readonly [number, number]): string {
  const indent = '  '.repeat(step.depth)
  switch (step.kind) {
    case 'chain': {
      const { base, name } = step.chain
      const where = `chain ${step.table.family} ${step.table.name} ${name}`
      return `${indent}${base === undefined ? '' : `${base.hook}: `}${where}`
    }
    case 'policy':
      return `${indent}policy ${step.verdict}`
    case 'rule': {
      const place = placeOf(step.rule.position).padEnd(widths[0])
      const label = labelOf(step.rule, step.table).padEnd(widths[1])
      return `${indent}${place}  ${label}  ${outcomeText(step)}`
    }
  }
}

function outcomeText({ rule, found, failed, verdict }: RuleStep): string {
  const states = found.length === 0 ? '' : ` (${found.join('; ')})`
  if (failed !== undefined) return `no: ${failed.reason}${states}`
  if (verdict !== undefined) return `${verdict}${states}`
  const last = rule.statements.at(-1)
  const to = last?.kind === 'jump' || last?.kind === 'goto' ? `, ${last.kind} ${last.target}` : ''
  return `yes${to}${states}`
}

/** The same as plain data: for JSON. */
export function explanationData(packet: string, explanation: Explanation, changes: readonly Change[]) {
  const { verdict, hook, rule, chain, steps } = explanation
  return {
    packet,
    verdict,
    hook,
    ...(rule !== undefined && { rule: ruleData(rule) }),
    ...(rule === undefined && chain !== undefined && { policyOf: chain.name }),
    steps: steps.map(stepData),
    changes: changes.map(({ what, verdict: other, rule: by }) => ({
      what,
      verdict: other,
      ...(by !== undefined && { rule: ruleData(by) }),
    })),
  }
}

function ruleData({ comment, position }: Rule) {
  return { ...(comment !== undefined && { name: comment }), ...(position !== undefined && position) }
}

function stepData(step: Step) {
  switch (step.kind) {
    case 'chain':
      return {
        chain: step.chain.name,
        table: `${step.table.family} ${step.table.name}`,
        ...(step.chain.base !== undefined && { hook: step.chain.base.hook }),
      }
    case 'policy':
      return { policyOf: step.chain.name, verdict: step.verdict }
    case 'rule':
      return {
        rule: { ...ruleData(step.rule), text: ruleText(step.rule, step.table) },
        found: step.found,
        ...(step.failed !== undefined && { failed: step.failed.reason }),
        ...(step.verdict !== undefined && { verdict: step.verdict }),
      }
  }
}
