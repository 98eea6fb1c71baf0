/** Looks at braces, quotes and comments alone: keeps the parser from texts that would lead it into the deep. */

/** How deep braces and brackets may be nested. */
export const MAXIMUM_DEPTH = 24

/** What makes a text unfit for the parser, and where: nesting that is too deep, quotes that do not end in their line. */
export function nestingProblem(text: string): { at: number; message: string } | undefined {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: {
        const end = endOfQuotes(text, at)
        if (end < 0) return { at, message: 'the text in quotes does not end in this line' }
        at = end
        break
      }
      case 0x23:
        at = endOfComment(text, at)
        break
      case 0x28:
      case 0x7b:
        if (++depth > MAXIMUM_DEPTH) return { at, message: `braces are nested deeper than ${MAXIMUM_DEPTH}` }
        break
      case 0x29:
      case 0x7d:
        depth--
    }
  }
  return undefined
}

/** The offset behind the line that begins at `from`, over the blocks that begin in it; behind `failed` in any case. */
export function endOfLine(text: string, from: number, failed: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: {
        const end = endOfQuotes(text, at)
        at = end < 0 ? at : end
        break
      }
      case 0x23:
        if (depth === 0 && at > from && at >= failed) return at
        at = endOfComment(text, at) - 1
        break
      case 0x7b:
        depth++
        break
      case 0x7d:
        if (depth === 0) return Math.max(at, Math.min(from + 1, text.length))
        depth--
        break
      case 0x5c:
        if (text[at + 1] === '\n') at++
        break
      case 0x0a:
      case 0x3b:
        if (depth === 0 && at > from) return at
    }
  }
  return text.length
}

function endOfQuotes(text: string, at: number): number {
  const end = text.indexOf('"', at + 1)
  const line = text.indexOf('\n', at + 1)
  return end < 0 || (line >= 0 && line < end) ? -1 : end
}

/** The offset of the new line behind a comment, or of the end. */
function endOfComment(text: string, at: number): number {
  const line = text.indexOf('\n', at)
  return line < 0 ? text.length : line
}
