/** Collecting what is wrong with a text while reading on. */
import { type Diagnostic, MOST_DIAGNOSTICS } from './diagnostic.js'

/** Ends what makes no sense; the diagnostic is already reported. */
export class Unusable extends Error {}

/** Collects what is wrong, in whatever file. */
export class Reports {
  readonly diagnostics: Diagnostic[] = []

  add(diagnostic: Diagnostic): void {
    this.diagnostics.push(diagnostic)
  }

  /** Whether nobody would read any more of them. */
  get full(): boolean {
    return this.diagnostics.length >= MOST_DIAGNOSTICS
  }
}

/** Runs what may give up; undefined if it did. */
export function attempt<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch (error) {
    if (error instanceof Unusable) return undefined
    throw error
  }
}
