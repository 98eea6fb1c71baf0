import { createContext, Script } from 'node:vm'

/**
 * Milliseconds that a batch of searches, or one alone, may take. A search that was stopped may have started late, and the
 * machine may have been busy: it gets two more tries, alone.
 */
const LIMIT_MS = 30
const TRIES = 2

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
   * own result. Returns those that took too long.
   */
  each(count: number, search: (index: number) => void): number[] {
    const slow: number[] = []
    let index = 0
    let alone = 0
    this.#run = () => {
      do search(index)
      while (++index < count && alone === 0)
    }
    while (index < count) {
      const first = index
      try {
        this.#script.runInContext(this.#context, { timeout: this.#limit })
        alone = 0
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
        if (index !== first) alone = 0
        if (alone === TRIES) {
          slow.push(index++)
          alone = 0
        } else alone++
      }
    }
    return slow
  }
}
