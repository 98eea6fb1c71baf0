import { grouped } from '../../capture/error.js'
import type { ReplayProgress } from '../../replay/replay.js'

/** Milliseconds before anything is shown, and between two looks. */
const PATIENCE = 1000
const INTERVAL = 100
const WIDTH = 30
const CLEAR = '\r\x1b[K'

/** What a terminal's stream has that we need. */
interface Terminal {
  readonly isTTY?: boolean
  write(text: string): boolean
}

/** A bar on a terminal, for what takes over a second. */
export class Progress {
  readonly #stream: Terminal
  readonly #now: () => number
  readonly #started: number
  #next: number
  #shown = false

  /** Now: milliseconds on any clock. */
  constructor(stream: Terminal, now: () => number) {
    this.#stream = stream
    this.#now = now
    this.#started = now()
    this.#next = stream.isTTY ? this.#started + PATIENCE : Number.POSITIVE_INFINITY
  }

  show({ packets, position, size }: ReplayProgress): void {
    const now = this.#now()
    if (now < this.#next) return
    this.#next = now + INTERVAL
    this.#shown = true
    const rate = Math.round(packets / ((now - this.#started) / 1000))
    const told = `${grouped(packets)} packets, ${grouped(rate)} a second`
    this.#stream.write(`${CLEAR}${bar(position, size)}${told}`)
  }

  clear(): void {
    if (this.#shown) this.#stream.write(CLEAR)
    this.#shown = false
  }
}

function bar(position: number, size: number | undefined): string {
  if (size === undefined || size === 0) return ''
  const share = Math.min(1, position / size)
  const full = Math.round(share * WIDTH)
  return `[${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}] ${Math.floor(share * 100)} %  `
}
