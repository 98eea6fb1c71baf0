import { isPattern, nameValue, unescaped } from './names.js'
import { writeWords } from './sets/words.js'

/** How many interface indexes are looked up by array; the few above it by map. */
const DIRECT = 1024
const UNKNOWN = -1

/**
 * Interface names as small numbers. A program compares names only with the names and patterns (`eth*`) it
 * holds, so all names fall into a few classes: one for each exact name, one for each pattern (the names of
 * which it is the longest match), and class 0 for all others.
 */
export class InterfaceClasses {
  readonly #exact = new Map<string, number>()
  /** Prefixes of patterns, longest first. */
  readonly #prefixes: { prefix: string; id: number }[] = []
  readonly count: number

  constructor(patterns: Iterable<string>) {
    let id = 0
    for (const pattern of new Set(patterns)) {
      id++
      if (isPattern(pattern)) this.#prefixes.push({ prefix: unescaped(pattern.slice(0, -1)), id })
      else this.#exact.set(unescaped(pattern), id)
    }
    this.count = id + 1
    this.#prefixes.sort((a, b) => b.prefix.length - a.prefix.length)
  }

  /** The class of an interface's name; '' stands for no interface, as in the kernel. */
  classOf(name: string): number {
    return this.#exact.get(name) ?? this.#prefixes.find(({ prefix }) => name.startsWith(prefix))?.id ?? 0
  }

  /** The classes of the names that a pattern of the program matches. */
  matching(pattern: string): number[] {
    if (!isPattern(pattern)) return [this.classOf(unescaped(pattern))]
    const start = unescaped(pattern.slice(0, -1))
    const exact = [...this.#exact].filter(([name]) => name.startsWith(start)).map(([, id]) => id)
    return [...exact, ...this.#prefixes.filter(({ prefix }) => prefix.startsWith(start)).map(({ id }) => id)]
  }
}

const NO_NAME = new Int32Array(4)

/** The class and name of each interface index that was told; the hot path looks up, the source of packets tells. */
export class InterfaceTable {
  readonly #direct = new Int32Array(DIRECT).fill(UNKNOWN)
  readonly #others = new Map<number, number>()
  readonly #names = new Map<number, Int32Array>()

  set(index: number, interfaceClass: number, name: string): void {
    const words = new Int32Array(4)
    writeWords(nameValue(name), 4, words, 0)
    this.#names.set(index, words)
    if (index < DIRECT) this.#direct[index] = interfaceClass
    else this.#others.set(index, interfaceClass)
  }

  /** Takes back what was told of an index, as its interface is gone. */
  forget(index: number): void {
    this.#names.delete(index)
    if (index < DIRECT) this.#direct[index] = UNKNOWN
    else this.#others.delete(index)
  }

  has(index: number): boolean {
    return index < DIRECT ? this.#direct[index] !== UNKNOWN : this.#others.has(index)
  }

  /** The class of an interface index; class 0 for one that was never told. */
  classOf(index: number): number {
    const known = index < DIRECT ? this.#direct[index]! : (this.#others.get(index) ?? UNKNOWN)
    return known === UNKNOWN ? 0 : known
  }

  /** The 16 bytes of an interface's name as words; none for one that was never told. */
  nameOf(index: number): Int32Array {
    return this.#names.get(index) ?? NO_NAME
  }
}
