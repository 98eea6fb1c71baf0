const LINE_FEED = 10

/** How the lines of a log are found in its bytes, and made readable for a scanner. */
export interface Encoding {
  /** A label of TextDecoder by which lines, once made readable, are decoded. */
  readonly label: string
  /** Where the last line feed of some bytes that start a line ends; 0 if there is none. */
  lastLineEnd(bytes: Buffer): number
  /** Where the first one ends; 0 if there is none. */
  firstLineEnd(bytes: Buffer): number
  /** Whole lines in an encoding that has ASCII in it. */
  readable(lines: Buffer): Buffer
}

/** Of an encoding that TextDecoder knows. */
export function encodingOf(label: string): Encoding {
  if (label === 'utf-16le' || label === 'utf-16be') return wide(label)
  return {
    label,
    lastLineEnd: (bytes) => bytes.lastIndexOf(LINE_FEED) + 1,
    firstLineEnd: (bytes) => bytes.indexOf(LINE_FEED) + 1,
    readable: (lines) => lines,
  }
}

/** Two bytes a unit: a line feed is one only where a unit starts. */
function wide(label: 'utf-16le' | 'utf-16be'): Encoding {
  const feed = label === 'utf-16le' ? [LINE_FEED, 0] : [0, LINE_FEED]
  const isFeed = (bytes: Buffer, at: number) => bytes[at] === feed[0] && bytes[at + 1] === feed[1]
  const decoder = new TextDecoder(label)
  return {
    label: 'utf-8',
    lastLineEnd: (bytes) => {
      for (let at = (bytes.length & ~1) - 2; at >= 0; at -= 2) if (isFeed(bytes, at)) return at + 2
      return 0
    },
    firstLineEnd: (bytes) => {
      for (let at = 0; at + 1 < bytes.length; at += 2) if (isFeed(bytes, at)) return at + 2
      return 0
    },
    readable: (lines) => Buffer.from(decoder.decode(lines)),
  }
}
