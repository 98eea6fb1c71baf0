import type { Invertible, Span } from '../../../ruleset/xtables.js'

export type XtablesOutcome = 'no' | 'yes' | 'hotdrop'

export function outcome(matches: boolean): XtablesOutcome {
  return matches ? 'yes' : 'no'
}

/** Whether an option holds; one that is not there does. */
export function option<O extends Invertible>(of: O | undefined, test: (of: O) => boolean): boolean {
  return of === undefined || test(of) !== (of.invert ?? false)
}

export function within(span: Span | undefined, value: number): boolean {
  return option(span, ({ from, to }) => from <= value && value <= to)
}
