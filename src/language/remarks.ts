/** Where rules come from, as remarks in what they become. */
import type { Rule } from '../ruleset/model.js'
import { lineOf, type Texts } from './diagnostic.js'

const LONGEST_REMARK = 400

/** The place of a rule and its text, over the lines that it goes on in. */
export function sourceOf({ position }: Rule, texts: Texts): string[] {
  if (position === undefined) return []
  const { file, line } = position
  const text = typeof texts === 'string' ? texts : (texts.get(file) ?? '')
  let whole = ''
  for (let at = line; ; at++) {
    const next = lineOf(text, at)
    if (next === undefined) break
    whole += `${next.replace(/\\$/, '').trim()} `
    if (!next.endsWith('\\') || whole.length > LONGEST_REMARK) break
  }
  const shown = whole
    .trim()
    .replace(/\p{Cc}/gu, ' ')
    .slice(0, LONGEST_REMARK)
  return [`${file}:${line}${shown === '' ? '' : `: ${shown}`}`]
}
