import { LONGEST_VALUE, UnresolvedError } from './configuration.js'
import { Traced } from './traced.js'

/** Rounds over a value in which its tags lead on to others. */
const MOST_ROUNDS = 25

/**
 * A value with its <tags> replaced, inner ones first, again and again until none is known any more. What `lookup`
 * does not know (<HOST>, a <F-USER> and the like) stays. Throws UnresolvedError if they never come to an end.
 */
export function replaceTags(value: Traced, lookup: (tag: string) => Traced | undefined): Traced {
  let current = value
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = replaceOnce(current, lookup)
    if (next === undefined) return current
    current = next
  }
  throw endless(value)
}

function endless(value: Traced): UnresolvedError {
  return new UnresolvedError({ position: value.at(0), message: 'its <tags> name each other in a circle' })
}

/** Undefined if nothing was to be replaced. */
function replaceOnce(value: Traced, lookup: (tag: string) => Traced | undefined): Traced | undefined {
  const parts: Traced[] = []
  let from = 0
  let length = value.text.length
  for (const match of value.text.matchAll(/<([^ <>]+)>/g)) {
    const replacement = lookup(match[1]!)
    if (replacement === undefined) continue
    parts.push(value.slice(from, match.index), replacement)
    length += replacement.text.length
    if (length > LONGEST_VALUE) throw endless(value)
    from = match.index + match[0].length
  }
  return parts.length === 0 ? undefined : Traced.join([...parts, value.slice(from)])
}
