/** The comments of source texts, handed out as what they stand beside is printed. */
import type { Position } from '../../../ruleset/model.js'
import type { Source } from '../source.js'

interface Comment {
  readonly line: number
  readonly text: string
  /** Nothing stands before it in its line. */
  readonly alone: boolean
}

export class Comments {
  readonly #files = new Map<string, { comments: readonly Comment[]; next: number; source: Source }>()

  constructor(sources: ReadonlyMap<string, Source> = new Map()) {
    for (const [file, source] of sources) {
      const comments = [...source.comments]
        .sort(([a], [b]) => a - b)
        .map(([at, text]) => ({
          line: source.positionOf(at).line,
          text: `#${text.trimEnd()}`,
          alone: source.startsLine(at),
        }))
      this.#files.set(file, { comments, next: 0, source })
    }
  }

  /** Comments that stand before a place, and were not printed yet. */
  before(position: Position | undefined): string[] {
    return position === undefined ? [] : this.#take(position.file, position.line)
  }

  /** The comment behind what begins at a place, in the same line. */
  beside(position: Position | undefined): string {
    const file = position && this.#files.get(position.file)
    const comment = file?.comments[file.next]
    if (file === undefined || comment === undefined || comment.line !== position!.line || comment.alone)
      return ''
    file.next++
    return ` ${comment.text}`
  }

  /** Comments up to the end of the block that begins at a place. */
  within(position: Position | undefined): string[] {
    const end =
      position && this.#files.get(position.file)?.source.blockEnds.get(`${position.line}:${position.column}`)
    return end === undefined ? [] : this.#take(position!.file, end)
  }

  /** All that are left. */
  rest(): string[] {
    return [...this.#files.keys()].flatMap((file) => this.#take(file, Number.POSITIVE_INFINITY))
  }

  #take(name: string, line: number): string[] {
    const file = this.#files.get(name)
    const taken: string[] = []
    while (file !== undefined && file.next < file.comments.length && file.comments[file.next]!.line < line)
      taken.push(file.comments[file.next++]!.text)
    return taken
  }
}
