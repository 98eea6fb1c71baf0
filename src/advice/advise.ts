import type { Ruleset } from '../ruleset/model.js'
import type { Advice, Surroundings } from './advice.js'
import { docker } from './docker.js'
import { essentials } from './essentials.js'
import { ports } from './ports.js'
import { recentPairs } from './recent.js'
import { sessions } from './session.js'
import { versions } from './versions.js'

export type { Advice, Session, Surroundings } from './advice.js'

/** What in a ruleset most likely does not do what it was written for. */
export function advise(ruleset: Ruleset, { session, docker: present = false }: Surroundings = {}): Advice[] {
  return [
    ...(session === undefined ? [] : sessions(ruleset, session)),
    ...recentPairs(ruleset),
    ...ports(ruleset),
    ...essentials(ruleset),
    ...versions(ruleset),
    ...docker(ruleset, present),
  ]
}
