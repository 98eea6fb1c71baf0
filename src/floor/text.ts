import { printRuleset } from '../language/nft/print/ruleset.js'
import type { Floor } from './floor.js'

/** A floor as text for `nft -f`, which takes it as one transaction, in place of that of an earlier time. */
export function floorText({ ruleset, names }: Pick<Floor, 'ruleset' | 'names'>): string {
  const removal = names.map(({ family, name }) => `table ${family} ${name}\ndelete table ${family} ${name}\n`)
  return `${removal.join('')}\n${printRuleset(ruleset)}`
}
