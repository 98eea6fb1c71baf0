/** The text of nftables JSON and the places of its entries in it. */

/** How deep JSON may be nested: far more than nftables nests it. */
export const MAXIMUM_DEPTH = 64

/**
 * The offsets at which the entries of the array `nftables` begin: all that is at the second level of nesting.
 * Undefined if the text is nested too deep.
 */
export function entryOffsets(text: string): number[] | undefined {
  const offsets: number[] = []
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22:
        at = endOfString(text, at)
        break
      case 0x5b:
      case 0x7b:
        if (depth === 2) offsets.push(at)
        if (++depth > MAXIMUM_DEPTH) return undefined
        break
      case 0x5d:
      case 0x7d:
        depth--
    }
  }
  return offsets
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x5c) at++
    else if (code === 0x22) return at
  }
  return text.length
}
