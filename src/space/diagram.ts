/**
 * Decision diagrams: functions of boolean variables to leaves, hash-consed, so that two are equal if their numbers are
 * (Bryant 1986; with leaves other than 0 and 1, Fujita et al. 1997). A set is a function to 0 and 1.
 */

/** A function, by its number. */
export type Node = number

export const EMPTY: Node = 0
export const ALL: Node = 1

/** The variable of leaves: behind all others. */
const LEAF = 0x7fffffff
const CACHE_BITS = 18
const CACHE_MASK = (1 << CACHE_BITS) - 1
const FIRST_SIZE = 1 << 14
/** So many nodes a diagram may have unless it is said: they take about 24 bytes each. */
export const MOST_NODES = 6_000_000

/** What is asked about is too large for the memory that may be used. The message is for people. */
export class SpaceError extends Error {
  override readonly name = 'SpaceError'
}

export class Diagram {
  readonly #most: number
  #variables = new Int32Array(FIRST_SIZE)
  #lows = new Int32Array(FIRST_SIZE)
  #highs = new Int32Array(FIRST_SIZE)
  #count = 0
  /** Numbers of nodes by their hash, -1 for none; twice as many as there may be nodes. */
  #unique = new Int32Array(FIRST_SIZE * 2).fill(-1)
  /** Results of `choose`: three operands and what came of them. */
  readonly #cache = new Int32Array(4 << CACHE_BITS).fill(-1)

  constructor(most = MOST_NODES) {
    this.#most = most
    this.leaf(0)
    this.leaf(1)
  }

  get size(): number {
    return this.#count
  }

  /** The function that is a number everywhere: 0 is the empty set, 1 the whole space. */
  leaf(value: number): Node {
    return this.#find(LEAF, value, 0)
  }

  isLeaf(node: Node): boolean {
    return this.#variables[node] === LEAF
  }

  /** The number of a leaf. */
  valueOf(node: Node): number {
    return this.#lows[node]!
  }

  /** The first variable that a function looks at; behind all others for a leaf. */
  variableOf(node: Node): number {
    return this.#variables[node]!
  }

  low(node: Node): Node {
    return this.#lows[node]!
  }

  high(node: Node): Node {
    return this.#highs[node]!
  }

  /** The set in which a variable is 1. */
  variable(variable: number): Node {
    return this.#find(variable, EMPTY, ALL)
  }

  /** One function in a set, another outside of it. */
  choose(set: Node, inside: Node, outside: Node): Node {
    if (set === ALL || inside === outside) return inside
    if (set === EMPTY) return outside
    if (inside === ALL && outside === EMPTY) return set
    const slot =
      ((Math.imul(set, 0x9e3779b1) ^ Math.imul(inside, 0x85ebca6b) ^ Math.imul(outside, 0xc2b2ae35)) >>>
        (32 - CACHE_BITS)) &
      CACHE_MASK
    const at = slot << 2
    const cache = this.#cache
    if (cache[at] === set && cache[at + 1] === inside && cache[at + 2] === outside) return cache[at + 3]!
    const variables = this.#variables
    const variable = Math.min(variables[set]!, variables[inside]!, variables[outside]!)
    const low = this.choose(
      this.#cofactor(set, variable, false),
      this.#cofactor(inside, variable, false),
      this.#cofactor(outside, variable, false),
    )
    const high = this.choose(
      this.#cofactor(set, variable, true),
      this.#cofactor(inside, variable, true),
      this.#cofactor(outside, variable, true),
    )
    const node = low === high ? low : this.#find(variable, low, high)
    cache[at] = set
    cache[at + 1] = inside
    cache[at + 2] = outside
    cache[at + 3] = node
    return node
  }

  and(a: Node, b: Node): Node {
    return a < b ? this.choose(a, b, EMPTY) : this.choose(b, a, EMPTY)
  }

  or(a: Node, b: Node): Node {
    return a < b ? this.choose(a, ALL, b) : this.choose(b, ALL, a)
  }

  not(a: Node): Node {
    return this.choose(a, EMPTY, ALL)
  }

  minus(a: Node, b: Node): Node {
    return this.choose(b, EMPTY, a)
  }

  xor(a: Node, b: Node): Node {
    return this.choose(a, this.not(b), b)
  }

  /** The union of many sets. */
  union(sets: readonly Node[]): Node {
    if (sets.length === 0) return EMPTY
    let level = sets
    while (level.length > 1)
      level = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) =>
        this.or(level[2 * i]!, level[2 * i + 1] ?? EMPTY),
      )
    return level[0]!
  }

  /** Both functions at once: what becomes of a pair of their leaves. */
  combine(a: Node, b: Node, of: (a: number, b: number) => Node): Node {
    const known = new Map<number, Node>()
    const walk = (first: Node, second: Node): Node => {
      const key = first * 0x4000000 + second
      const found = known.get(key)
      if (found !== undefined) return found
      const variable = Math.min(this.#variables[first]!, this.#variables[second]!)
      let node: Node
      if (variable === LEAF) node = of(this.#lows[first]!, this.#lows[second]!)
      else {
        const low = walk(this.#cofactor(first, variable, false), this.#cofactor(second, variable, false))
        const high = walk(this.#cofactor(first, variable, true), this.#cofactor(second, variable, true))
        node = low === high ? low : this.#find(variable, low, high)
      }
      known.set(key, node)
      return node
    }
    return walk(a, b)
  }

  /** The function with other leaves. */
  mapLeaves(node: Node, of: (value: number) => Node): Node {
    return this.combine(node, EMPTY, of)
  }

  /** The leaves of a function. */
  leavesOf(node: Node): number[] {
    const found = new Set<number>()
    this.#visit(node, (each) => {
      if (this.isLeaf(each)) found.add(this.valueOf(each))
    })
    return [...found]
  }

  /** The variables that a function looks at. */
  variablesOf(node: Node): Set<number> {
    const found = new Set<number>()
    this.#visit(node, (each) => {
      if (!this.isLeaf(each)) found.add(this.variableOf(each))
    })
    return found
  }

  #visit(node: Node, visit: (node: Node) => void): void {
    const seen = new Set<Node>()
    const walk = (each: Node): void => {
      if (seen.has(each)) return
      seen.add(each)
      visit(each)
      if (this.isLeaf(each)) return
      walk(this.#lows[each]!)
      walk(this.#highs[each]!)
    }
    walk(node)
  }

  /** The function with sets in the place of some variables, all at once. */
  compose(node: Node, sets: ReadonlyMap<number, Node>): Node {
    if (sets.size === 0) return node
    const known = new Map<Node, Node>()
    const walk = (each: Node): Node => {
      const variable = this.#variables[each]!
      if (variable === LEAF) return each
      const found = known.get(each)
      if (found !== undefined) return found
      const low = walk(this.#lows[each]!)
      const high = walk(this.#highs[each]!)
      const result = this.choose(sets.get(variable) ?? this.variable(variable), high, low)
      known.set(each, result)
      return result
    }
    return walk(node)
  }

  /** The set of what is in a set for some value of each variable that is passed over. */
  project(set: Node, isKept: (variable: number) => boolean): Node {
    const known = new Map<Node, Node>()
    const walk = (each: Node): Node => {
      const variable = this.#variables[each]!
      if (variable === LEAF) return each
      const found = known.get(each)
      if (found !== undefined) return found
      const low = walk(this.#lows[each]!)
      const isLost = !isKept(variable)
      const high = isLost && low === ALL ? ALL : walk(this.#highs[each]!)
      const result = isLost ? this.or(low, high) : low === high ? low : this.#find(variable, low, high)
      known.set(each, result)
      return result
    }
    return walk(set)
  }

  /** The leaf at a point. */
  at(node: Node, isSet: (variable: number) => boolean): number {
    let each = node
    while (!this.isLeaf(each)) each = isSet(this.#variables[each]!) ? this.#highs[each]! : this.#lows[each]!
    return this.valueOf(each)
  }

  #cofactor(node: Node, variable: number, high: boolean): Node {
    if (this.#variables[node] !== variable) return node
    return high ? this.#highs[node]! : this.#lows[node]!
  }

  #find(variable: number, low: number, high: number): Node {
    const unique = this.#unique
    const mask = unique.length - 1
    let at = hash(variable, low, high) & mask
    for (let node = unique[at]!; node >= 0; node = unique[at]!) {
      if (this.#variables[node] === variable && this.#lows[node] === low && this.#highs[node] === high)
        return node
      at = (at + 1) & mask
    }
    return this.#add(variable, low, high, at)
  }

  #add(variable: number, low: number, high: number, at: number): Node {
    if (this.#count >= this.#most)
      throw new SpaceError(
        `these rules divide the packets in too many ways: more than ${this.#most.toLocaleString('en')} nodes`,
      )
    const node = this.#count++
    this.#unique[at] = node
    this.#variables[node] = variable
    this.#lows[node] = low
    this.#highs[node] = high
    if (this.#count === this.#variables.length) this.#grow()
    return node
  }

  #grow(): void {
    const size = this.#count * 2
    this.#variables = larger(this.#variables, size)
    this.#lows = larger(this.#lows, size)
    this.#highs = larger(this.#highs, size)
    this.#unique = new Int32Array(size * 2).fill(-1)
    const mask = this.#unique.length - 1
    for (let node = 0; node < this.#count; node++) {
      let at = hash(this.#variables[node]!, this.#lows[node]!, this.#highs[node]!) & mask
      while (this.#unique[at]! >= 0) at = (at + 1) & mask
      this.#unique[at] = node
    }
  }
}

function hash(variable: number, low: number, high: number): number {
  let mixed = Math.imul(variable, 0x9e3779b1) ^ Math.imul(low, 0x85ebca6b) ^ Math.imul(high, 0xc2b2ae35)
  mixed ^= mixed >>> 15
  mixed = Math.imul(mixed, 0x2c1b3c6d)
  return mixed ^ (mixed >>> 13)
}

function larger(old: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> {
  const fresh = new Int32Array(size)
  fresh.set(old)
  return fresh
}
