import type { Position } from '../../ruleset/model.js'

/** A text and the places in it. */
export class Source {
  readonly text: string
  readonly file: string
  /** Comments by the offsets of their signs, without them. */
  readonly comments = new Map<number, string>()
  /** The lines in which blocks end, by `line:column` of their beginnings. */
  readonly blockEnds = new Map<string, number>()
  readonly #lines: Int32Array

  constructor(text: string, file: string) {
    this.text = text
    this.file = file
    this.#lines = lineStarts(text)
  }

  positionOf(at: number): Position {
    const line = this.#lineOf(at)
    return { file: this.file, line: line + 1, column: at - this.#lines[line]! + 1 }
  }

  /** Remembers where a block ends. */
  addBlock(at: number, end: number): void {
    const { line, column } = this.positionOf(at)
    this.blockEnds.set(`${line}:${column}`, this.positionOf(end).line)
  }

  /** The word, number or sign that begins at an offset; '' at the end. */
  wordAt(at: number): string {
    const [word = ''] = /^(?:[\w./-]+|[^\n])/.exec(this.text.slice(at, at + 40)) ?? []
    return word === '' && at < this.text.length ? 'the end of the line' : word
  }

  /** Whether nothing but space stands before an offset in its line. */
  startsLine(at: number): boolean {
    return /^[ \t]*$/.test(this.text.slice(this.#lines[this.#lineOf(at)]!, at))
  }

  #lineOf(at: number): number {
    let low = 0
    let high = this.#lines.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#lines[middle]! <= at) low = middle
      else high = middle - 1
    }
    return low
  }
}

function lineStarts(text: string): Int32Array {
  let count = 1
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  const starts = new Int32Array(count)
  let line = 1
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts[line++] = at + 1
  return starts
}
