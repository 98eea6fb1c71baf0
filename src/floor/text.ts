import { printRuleset } from '../language/nft/print/ruleset.js'
import type { Floor } from './floor.js'

/** A floor as text for `nft -f`, which takes it as one transaction, in place of that of an earlier time. */
export function floorText({ ruleset, names }: Pick<Floor, 'ruleset' | 'names'>): string {
  return `${removalText({ names })}\n${printRuleset(ruleset)}`
}

/** What takes a floor down, whether it is there or not. */
export function removalText({ names }: Pick<Floor, 'names'>): string {
  return names.map(({ family, name }) => `table ${family} ${name}\ndelete table ${family} ${name}\n`).join('')
}
