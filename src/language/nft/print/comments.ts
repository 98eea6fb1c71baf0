/** The comments of source texts, handed out as what they stand beside is printed. */
import type { Position, Ruleset } from '../../../ruleset/model.js'
import type { Source } from '../source.js'

interface Comment {
  readonly line: number
  readonly text: string
  /** Nothing stands before it in its line. */
  readonly alone: boolean
  printed: boolean
}

interface FileComments {
  readonly comments: readonly Comment[]
  /** Lines in which something begins or a block ends, sorted: a comment belongs to what follows it up to there. */
  readonly boundaries: readonly number[]
  readonly source: Source
}

export class Comments {
  readonly #files = new Map<string, FileComments>()

  /** Without sources there are none. `ruleset`: what was read from them. */
  constructor(sources: ReadonlyMap<string, Source> = new Map(), ruleset: Ruleset = { tables: [] }) {
    const starts = new Map<string, Set<number>>(
      [...sources].map(([file, { blockEnds }]) => [file, new Set(blockEnds.values())]),
    )
    for (const { file, line } of sources.size === 0 ? [] : positionsOf(ruleset)) starts.get(file)?.add(line)
    for (const [file, source] of sources) {
      const comments = [...source.comments]
        .sort(([a], [b]) => a - b)
        .map(([at, text]) => ({
          line: source.positionOf(at).line,
          text: `#${text.trimEnd()}`,
          alone: source.startsLine(at),
          printed: false,
        }))
      this.#files.set(file, { comments, boundaries: [...starts.get(file)!].sort((a, b) => a - b), source })
    }
  }

  /** Comments between a place and what stands before it. */
  before(position: Position | undefined): string[] {
    return position === undefined ? [] : this.#take(position.file, position.line)
  }

  /** The comment behind what begins at a place, in the same line. */
  beside(position: Position | undefined): string {
    const { comments = [] } = (position && this.#files.get(position.file)) ?? {}
    const comment = comments[firstFrom(comments, position?.line ?? 0)]
    if (comment === undefined || comment.line !== position!.line || comment.alone || comment.printed)
      return ''
    comment.printed = true
    return ` ${comment.text}`
  }

  /** Comments between the end of the block that begins at a place, and what stands before that end. */
  within(position: Position | undefined): string[] {
    const end =
      position && this.#files.get(position.file)?.source.blockEnds.get(`${position.line}:${position.column}`)
    return end === undefined ? [] : this.#take(position!.file, end)
  }

  /** All that are left. */
  rest(): string[] {
    return [...this.#files.values()].flatMap(({ comments }) =>
      taken(comments.filter(({ printed }) => !printed)),
    )
  }

  #take(name: string, line: number): string[] {
    const { comments = [], boundaries = [] } = this.#files.get(name) ?? {}
    const boundary = boundaries[lastBelow(boundaries, line)] ?? 0
    const found: Comment[] = []
    for (let i = firstFrom(comments, boundary); i < comments.length && comments[i]!.line < line; i++) {
      if (!comments[i]!.printed) found.push(comments[i]!)
    }
    return taken(found)
  }
}

function taken(comments: readonly Comment[]): string[] {
  for (const comment of comments) comment.printed = true
  return comments.map(({ text }) => text)
}

function* positionsOf({ tables }: Ruleset): Generator<Position> {
  for (const table of tables) {
    const items = [
      table,
      ...table.sets,
      ...(table.objects ?? []),
      ...table.chains,
      ...table.chains.flatMap(({ rules }) => rules),
    ]
    for (const { position } of items) if (position !== undefined) yield position
  }
}

/** The index of the first comment that is not above a line. */
function firstFrom(comments: readonly Comment[], line: number): number {
  let low = 0
  let high = comments.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (comments[middle]!.line < line) low = middle + 1
    else high = middle
  }
  return low
}

/** The index of the last number below another, or -1. */
function lastBelow(numbers: readonly number[], limit: number): number {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (numbers[middle]! < limit) low = middle + 1
    else high = middle
  }
  return low - 1
}
