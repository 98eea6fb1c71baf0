import type { WriteStream } from 'node:tty'
import { grouped } from '../../capture/error.js'
import type { ReplayProgress } from '../../replay/replay.js'

/** Milliseconds before anything is shown, and between two looks. */
const PATIENCE = 1000
const INTERVAL = 100
const WIDTH = 30
const CLEAR = '\r\x1b[K'

/** A bar on a terminal, for what takes over a second. */
export class Progress {
  readonly #stream: WriteStream
  readonly #started = performance.now()
  #next = this.#started + PATIENCE
  #shown = false

  constructor(stream: WriteStream) {
    this.#stream = stream
    if (!stream.isTTY) this.#next = Number.POSITIVE_INFINITY
  }

  show({ packets, position, size }: ReplayProgress): void {
    const now = performance.now()
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
