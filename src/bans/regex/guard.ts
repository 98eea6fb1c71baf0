import { createContext, Script } from 'node:vm'

/** Milliseconds that a batch of searches, or one alone, may take. */
const LIMIT_MS = 25
/**
 * A search that was stopped may have started late: it is tried again, alone, so often; and more often while the machine is
 * so busy that we got less than half of that time.
 */
const TRIES = 2
const BUSY_TRIES = 20

/**
 * Runs searches of regular expressions within a time: a batch at once, as setting a limit costs a tenth of a
 * millisecond. JavaScript's own engine can be stopped by the watchdog of node:vm, and by nothing else.
 */
export class Guard {
  readonly #context: object
  readonly #script = new Script('run()')
  readonly #limit: number
  #run: () => void = () => {}

  constructor(limit = LIMIT_MS) {
    this.#limit = limit
    this.#context = createContext({ run: () => this.#run() })
  }

  /**
   * Calls `search` with 0, 1, … up to `count`; it may be stopped anywhere, and must leave nothing half done but its
   * own result. Says which took too long.
   */
  each(count: number, search: (index: number) => void, slow: (index: number) => void): void {
    let index = 0
    let alone = 0
    let busy = 0
    this.#run = () => {
      do search(index)
      while (++index < count && alone === 0)
    }
    while (index < count) {
      const first = index
      const before = process.cpuUsage()
      try {
        this.#script.runInContext(this.#context, { timeout: this.#limit })
        alone = busy = 0
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
        if (index !== first) alone = busy = 0
        const { user, system } = process.cpuUsage(before)
        if (alone > 0 && (user + system) / 1000 < this.#limit / 2 && busy++ < BUSY_TRIES) continue
        if (alone === TRIES) {
          slow(index++)
          alone = busy = 0
        } else alone++
      }
    }
  }
}
