import type { Position } from '../ruleset/model.js'

/** Something wrong in a configuration: where, what, and what would be right. The rest goes on without it. */
export interface Problem {
  readonly position: Position
  /** UTF-16 units from the position on that it is about; at least 1. */
  readonly length?: number
  readonly message: string
  readonly hint?: string
  /** A warning is worth knowing, and nothing is left out for it. */
  readonly severity?: 'warning'
}
