import type { Literals } from '../regex/literals.js'

const LINE_FEED = 10
/** Literals that are shorter stand in too many lines. */
const SHORTEST = 4
/** States of the automaton at most: past it, filters look at every line. */
const MOST_STATES = 100_000

/** Lines that some filters have to look at. */
export interface Candidate {
  /** Where it stands in the chunk; the line feed is not part of it. */
  readonly start: number
  readonly end: number
  /** Filters that have one of their literals in it, or part of one: twice their index, plus 1 if only part. */
  readonly hits: readonly number[]
}

interface State {
  readonly next: Map<number, number>
  readonly hits: Set<number>
  fail: number
}

/**
 * Finds the lines in which filters have one of their literals, for all filters in one pass over the bytes (an automaton
 * after Aho and Corasick). A line's date is cut out before a filter looks at it, so that a literal may have a date in its
 * middle: half of it is in one piece all the same, and is looked for too.
 */
export class Prefilter {
  /** Filters without literals: they look at every line. */
  readonly #always: readonly number[]
  /** The automaton: by state and class of a byte, the next state. States are offsets. */
  readonly #next: Int32Array
  readonly #classes = new Uint8Array(256)
  /** States from here on say something: `#said` has it. */
  readonly #threshold: number
  readonly #said: readonly (readonly number[])[]
  readonly #width: number
  /** By hit, the last line that it was in. */
  readonly #seen: Int32Array
  #line = 0

  /** literals: of each filter; undefined: it looks at every line. */
  constructor(literals: readonly (Literals | undefined)[]) {
    const states: State[] = [{ next: new Map(), hits: new Set(), fail: 0 }]
    const always: number[] = []
    for (const [filter, texts] of literals.entries()) {
      if (texts?.every(({ length }) => length >= SHORTEST) && states.length < MOST_STATES)
        add(states, texts, filter)
      else always.push(2 * filter)
    }
    this.#always = always
    this.#seen = new Int32Array(2 * literals.length)
    this.#width = this.#classify(states)
    link(states)
    // States that say something come last, and the end of a line is the first of them.
    const silent = states.flatMap(({ hits }, state) => (hits.size === 0 ? [state] : []))
    const telling = states.flatMap(({ hits }, state) => (hits.size > 0 ? [state] : []))
    const number = new Int32Array(states.length)
    for (const [at, state] of silent.entries()) number[state] = at
    for (const [at, state] of telling.entries()) number[state] = silent.length + 1 + at
    this.#threshold = silent.length * this.#width
    this.#said = [[], ...telling.map((state) => [...states[state]!.hits])]
    this.#next = this.#table(states, number, silent.length)
  }

  /** Classes of bytes that no literal tells apart; letters of either case are of one. Returns how many. */
  #classify(states: readonly State[]): number {
    const used = new Set(states.flatMap(({ next }) => [...next.keys()]))
    this.#classes[LINE_FEED] = 1
    let count = 2
    for (const byte of used) {
      const upper = String.fromCharCode(byte).toUpperCase().charCodeAt(0)
      this.#classes[byte] = count
      if (upper < 128) this.#classes[upper] = count
      count++
    }
    return count
  }

  #table(states: readonly State[], number: Int32Array, lineEnd: number): Int32Array {
    const width = this.#width
    const table = new Int32Array((states.length + 1) * width)
    const order = breadthFirst(states)
    for (const state of order) {
      const row = number[state]! * width
      const fallback = number[states[state]!.fail]! * width
      for (let kind = 0; kind < width; kind++)
        table[row + kind] = state === 0 ? number[0]! * width : table[fallback + kind]!
      for (const [byte, next] of states[state]!.next)
        table[row + this.#classes[byte]!] = number[next]! * width
      table[row + 1] = lineEnd * width
    }
    // Behind the end of a line it starts anew.
    table.copyWithin(lineEnd * width, number[0]! * width, (number[0]! + 1) * width)
    return table
  }

  /** Looks through whole lines: calls `found` for each candidate, and returns how many lines there are. */
  scan(chunk: Uint8Array, found: (candidate: Candidate) => void): number {
    const next = this.#next
    const classes = this.#classes
    const threshold = this.#threshold
    const always = this.#always
    const first = this.#line
    let hits: number[] = []
    let start = 0
    let state = 0
    for (let at = 0; at < chunk.length; at++) {
      state = next[state + classes[chunk[at]!]!]!
      if (state < threshold) continue
      if (state > threshold) {
        this.#note(state, hits)
        continue
      }
      if (hits.length > 0 || always.length > 0) {
        found({ start, end: at, hits: always.length > 0 ? [...always, ...hits] : hits })
        hits = []
      }
      start = at + 1
      this.#line++
    }
    const lines = this.#line - first
    if (this.#line > 2 ** 30) {
      this.#line = 0
      this.#seen.fill(0)
    }
    return lines
  }

  #note(state: number, hits: number[]): void {
    for (const hit of this.#said[(state - this.#threshold) / this.#width]!) {
      if (this.#seen[hit] === this.#line + 1) continue
      this.#seen[hit] = this.#line + 1
      hits.push(hit)
    }
  }
}

function add(states: State[], literals: Literals, filter: number): void {
  for (const literal of literals) {
    const half = literal.length >> 1
    insert(states, literal, 2 * filter)
    insert(states, literal.slice(0, half), 2 * filter + 1)
    insert(states, literal.slice(half), 2 * filter + 1)
  }
}

function insert(states: State[], text: string, hit: number): void {
  let state = 0
  for (const byte of Buffer.from(text)) {
    let next = states[state]!.next.get(byte)
    if (next === undefined) {
      next = states.push({ next: new Map(), hits: new Set(), fail: 0 }) - 1
      states[state]!.next.set(byte, next)
    }
    state = next
  }
  states[state]!.hits.add(hit)
}

/** Tells each state where to go on when nothing follows: the longest end of what was read that starts a literal. */
function link(states: State[]): void {
  for (const state of breadthFirst(states)) {
    for (const [byte, next] of states[state]!.next) {
      let fail = states[state]!.fail
      while (fail !== 0 && !states[fail]!.next.has(byte)) fail = states[fail]!.fail
      const target = state === 0 ? 0 : (states[fail]!.next.get(byte) ?? 0)
      states[next]!.fail = target
      for (const hit of states[target]!.hits) states[next]!.hits.add(hit)
    }
  }
}

function breadthFirst(states: readonly State[]): number[] {
  const order = [0]
  for (const state of order) order.push(...states[state]!.next.values())
  return order
}
