import type { Position } from '../../ruleset/model.js'

/** From `offset` of a text on, up to the next mark, it was written at `position`, in one line. */
interface Mark {
  readonly offset: number
  readonly position: Position
}

/** A text put together from others that still knows where each of its characters was written. */
export class Traced {
  readonly text: string
  /** In the order of their offsets; the first is at 0. */
  readonly #marks: readonly Mark[]

  constructor(text: string, marks: readonly Mark[]) {
    this.text = text
    this.#marks = marks
  }

  /** A text without line breaks that was written at a position. */
  static at(text: string, position: Position): Traced {
    return new Traced(text, [{ offset: 0, position }])
  }

  /** Texts behind each other. There has to be at least one. */
  static join(parts: readonly Traced[], separator = ''): Traced {
    const marks: Mark[] = []
    let text = ''
    for (const [index, part] of parts.entries()) {
      if (index > 0) text += separator
      for (const { offset, position } of part.#marks) marks.push({ offset: offset + text.length, position })
      text += part.text
    }
    return new Traced(text, marks)
  }

  /** Where the character at an offset was written. */
  at(offset: number): Position {
    const mark = this.#marks[Math.max(0, this.#behind(offset) - 1)]!
    const { file, line, column } = mark.position
    return { file, line, column: column + Math.max(0, offset - mark.offset) }
  }

  slice(start: number, end: number = this.text.length): Traced {
    const marks: Mark[] = [{ offset: 0, position: this.at(start) }]
    for (let i = this.#behind(start); i < this.#marks.length && this.#marks[i]!.offset < end; i++) {
      const { offset, position } = this.#marks[i]!
      marks.push({ offset: offset - start, position })
    }
    return new Traced(this.text.slice(start, end), marks)
  }

  /** The first mark behind an offset. */
  #behind(offset: number): number {
    let low = 0
    let high = this.#marks.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#marks[middle]!.offset <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Its lines that are not empty, without the blanks around them. */
  lines(): Traced[] {
    const lines: Traced[] = []
    let start = 0
    for (const line of this.text.split('\n')) {
      const trimmed = line.trim()
      const at = start + line.indexOf(trimmed)
      if (trimmed !== '') lines.push(this.slice(at, at + trimmed.length))
      start += line.length + 1
    }
    return lines
  }
}
