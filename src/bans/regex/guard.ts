import { createContext, Script } from 'node:vm'

/** Milliseconds that one search may take. A search that starts late in a batch gets a second try: twice as long. */
const LIMIT_MS = 40

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
    let first = 0
    let index = 0
    let alone = false
    this.#run = () => {
      do search(index)
      while (++index < count && !alone)
    }
    while (index < count) {
      first = index
      try {
        this.#script.runInContext(this.#context, { timeout: this.#limit })
        alone = false
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
        // The one that was stopped may have started late: it gets the whole time, alone.
        if (index === first) slow.push(index++)
        else alone = true
      }
    }
    return slow
  }
}
