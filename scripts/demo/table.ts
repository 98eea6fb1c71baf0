// The demo's table: redrawn in place on a terminal that has the room, line by line everywhere else.
import { FAMILIES, type Family } from './hosts.js'
import type { Chapter, Step } from './steps.js'

type Cells = readonly string[]
type Paint = (text: string) => string

const HEADINGS: Cells = ['step', 'from', 'to', 'expected', ...FAMILIES, '']
const OUTCOME_WIDTH = 15
const REDRAW_MS = 50

const coloured = process.stdout.isTTY && !process.env.NO_COLOR
const paint = (code: number): Paint => (coloured ? (text) => `\x1b[${code}m${text}\x1b[0m` : (text) => text)

export const bold = paint(1)
export const dim = paint(2)
export const red = paint(31)
export const green = paint(32)

interface Result {
  text: string
  done: boolean
}

export class Table {
  readonly #chapters: readonly Chapter[]
  readonly #results = new Map<Step, Map<Family, Result>>()
  readonly #widths: number[]
  readonly #live: boolean
  #drawn = 0
  #timer: NodeJS.Timeout | undefined

  constructor(chapters: readonly Chapter[]) {
    this.#chapters = chapters
    const steps = chapters.flatMap((chapter) => chapter.steps)
    for (const step of steps) this.#results.set(step, new Map())
    const rows = [HEADINGS, ...steps.map((step) => this.#cells(step))]
    this.#widths = HEADINGS.map((heading, column) => {
      const least = FAMILIES.includes(heading as Family) ? OUTCOME_WIDTH : 0
      return Math.max(least, ...rows.map((cells) => cells[column]!.length))
    })
    const width = this.#row(HEADINGS).length + 'DIFFERENT'.length
    const height = steps.length + chapters.length + 2
    this.#live = process.stdout.isTTY && process.stdout.columns > width && process.stdout.rows > height
    if (this.#live) this.#redraw()
    else this.#append()
  }

  /** Notes what happened so far, or in the end. */
  set(step: Step, family: Family, text: string, done: boolean): void {
    this.#results.get(step)!.set(family, { text, done })
    if (this.#live) this.#timer ??= setTimeout(() => this.#redraw(), REDRAW_MS)
    else this.#append()
  }

  /** Draws what is still waiting to be drawn. */
  finish(): void {
    if (this.#live) this.#redraw()
  }

  /** How many of the results so far are as expected, and how many differ. */
  count(): { met: number; different: number } {
    const results = [...this.#results].flatMap(([step, families]) =>
      [...families.values()].filter(({ done }) => done).map(({ text }) => text === step.expected),
    )
    const met = results.filter(Boolean).length
    return { met, different: results.length - met }
  }

  #redraw(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const lines = this.#lines()
    const home = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : ''
    process.stdout.write(`${home}${lines.map((line) => `\x1b[2K${line}\n`).join('')}`)
    this.#drawn = lines.length
  }

  /** Prints the lines that are complete and follow the ones already printed. */
  #append(): void {
    const lines = this.#lines(true)
    process.stdout.write(
      lines
        .slice(this.#drawn)
        .map((line) => `${line}\n`)
        .join(''),
    )
    this.#drawn = lines.length
  }

  #lines(untilPending = false): string[] {
    const lines = [dim(this.#row(HEADINGS))]
    for (const { title, steps } of this.#chapters) {
      lines.push(bold(title))
      for (const step of steps) {
        if (untilPending && this.#verdict(step) === '') return lines
        lines.push(this.#paintedRow(step))
      }
    }
    return lines
  }

  #cells(step: Step): Cells {
    const results = FAMILIES.map((family) => this.#results.get(step)!.get(family)?.text ?? '…')
    return [`  ${step.title}`, step.from, step.to, step.expected, ...results, this.#verdict(step)]
  }

  /** Empty as long as a result is missing. */
  #verdict(step: Step): '' | 'ok' | 'DIFFERENT' {
    const results = FAMILIES.map((family) => this.#results.get(step)!.get(family))
    if (!results.every((result) => result?.done)) return ''
    return results.every((result) => result!.text === step.expected) ? 'ok' : 'DIFFERENT'
  }

  #row(cells: Cells, paints: readonly Paint[] = []): string {
    const plain: Paint = (text) => text
    return cells
      .map((cell, column) => (paints[column] ?? plain)(cell.padEnd(this.#widths[column]!)))
      .join('  ')
  }

  #paintedRow(step: Step): string {
    const outcomes = FAMILIES.map((family) => {
      const result = this.#results.get(step)!.get(family)
      if (!result?.done) return dim
      return result.text === step.expected ? green : red
    })
    const plain: Paint = (text) => text
    const verdict = this.#verdict(step) === 'ok' ? green : (text: string) => bold(red(text))
    return this.#row(this.#cells(step), [plain, dim, dim, plain, ...outcomes, verdict])
  }
}
