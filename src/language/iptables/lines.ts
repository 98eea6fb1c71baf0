import type { Reader } from './reader.js'

/** Calls for each line that holds something; the action says where what it read ends. */
export function eachLine(reader: Reader, action: (start: number, line: string) => number): void {
  const { text } = reader.source
  for (let at = 0; at < text.length && !reader.reports.full; at++) {
    while (text[at] === ' ' || text[at] === '\t' || text[at] === '\r') at++
    const newline = text.indexOf('\n', at)
    const end = newline < 0 ? text.length : newline
    if (at < end && text[at] !== '#') at = action(at, text.slice(at, end).trimEnd())
    else at = end
    const next = text.indexOf('\n', at)
    at = next < 0 ? text.length : next
  }
}
