import { Column } from '../../packet/packet.js'
import type { Chain } from '../../ruleset/model.js'
import { Op, ordered } from '../program.js'
import { columnBits, type FlatRule, type Step, type Test } from './flatten.js'
import { complement, type Intervals, type Point } from './intervals.js'
import type { Cut, Item, Leaf, Node } from './tree.js'
import { appendTrie } from './trie.js'

/** Sets of more intervals than this are tested by a trie. */
const FEW = 4
/** A column of at most this many bits is cut by a table. */
const TABLE_BITS = 8
const STRIDE = 4

/** Writes trees as instructions into one program. */
export class Emitter {
  readonly code: number[] = []
  /** Which rule each counter is in. */
  readonly counters: number[] = []
  /** The counters of each rule by their statements' places. */
  readonly #counterOf = new Map<string, number>()
  #windows: ReadonlyMap<string, number> = new Map()
  readonly #jumps: { at: number; target: string }[] = []
  readonly #members = new Map<Intervals, number>()
  nodes = 0
  leaves = 0
  depth = 0
  longestLeaf = 0

  /** Writes a chain's tree and returns its first instruction. Windows: the table's, their numbers by name. */
  emit(tree: Node, windows: ReadonlyMap<string, number>): number {
    this.#windows = windows
    return this.#node(tree, new Map(), 0)
  }

  /** Fills in where the jumps go, once all chains of a table are written. */
  link(entries: ReadonlyMap<Chain['name'], number>): void {
    for (const { at, target } of this.#jumps) this.code[at] = entries.get(target)!
    this.#jumps.length = 0
  }

  #node(node: Node, written: Map<Node, number>, depth: number): number {
    const known = written.get(node)
    if (known !== undefined) return known
    this.depth = Math.max(this.depth, depth)
    const at = node.kind === 'leaf' ? this.#leaf(node) : this.#cut(node, written, depth)
    written.set(node, at)
    return at
  }

  /** Children first, so that their offsets are known. */
  #cut(cut: Cut, written: Map<Node, number>, depth: number): number {
    const targets = cut.children.map((child) => this.#node(child, written, depth + 1))
    const absent = this.#node(cut.absent, written, depth + 1)
    this.nodes++
    const bits = columnBits(cut.column)
    if (bits <= TABLE_BITS) {
      const at = this.code.length
      const starts = cut.starts as readonly number[]
      const size = starts.at(-1)!
      this.code.push(Op.table, Column[cut.column], absent, targets.at(-1)!, size)
      for (let value = 0, segment = 0; value < size; value++) {
        if (starts[segment + 1] === value) segment++
        this.code.push(targets[segment]!)
      }
      return at
    }
    const root = appendTrie(this.code, bits, { starts: cut.starts, targets })
    const at = this.code.length
    this.code.push(Op.trie, Column[cut.column], absent, firstShift(bits), root)
    return at
  }

  #leaf(leaf: Leaf): number {
    this.leaves++
    this.longestLeaf = Math.max(this.longestLeaf, leaf.items.length)
    // Tries stand before the instructions that use them.
    const left = leaf.items.map((item): [FlatRule, Step[]] => [
      item.rule,
      [...testsOf(item), ...item.rule.steps],
    ])
    for (const step of left.flatMap(([, steps]) => steps)) this.#prepare(step)
    const at = this.code.length
    for (const [rule, steps] of left) {
      const fails = steps.flatMap((step) => this.#step(step, rule))
      for (const fail of fails) this.code[fail] = this.code.length
    }
    this.code.push(Op.end)
    return at
  }

  /** Writes the trie that a test of a large set needs. */
  #prepare(test: Step): void {
    if (test.kind !== 'column' || !isTrie(test) || this.#members.has(test.values)) return
    const bits = columnBits(test.column)
    const outside = complement(test.values, bits)
    const starts: [Point, number][] = [
      ...test.values.map(([low]): [Point, number] => [low, 1]),
      ...outside.map(([low]): [Point, number] => [low, 0]),
    ]
    starts.sort(([a], [b]) => (a < b ? -1 : 1))
    const root = appendTrie(this.code, bits, {
      starts: starts.map(([start]) => start),
      targets: starts.map(([, member]) => member),
    })
    this.#members.set(test.values, root)
  }

  /** Writes a test; returns where its operand `fail` is. */
  #test(test: Test): number {
    if (test.kind === 'load') {
      const { base, offset, length } = test.place
      this.code.push(Op.load, base === 'network' ? 0 : 1, offset, length, 0)
      const fail = this.code.length - 1
      this.#pairs(test.values)
      return fail
    }
    const column = Column[test.column]
    const bits = columnBits(test.column)
    const root = this.#members.get(test.values)
    if (root !== undefined) {
      this.code.push(Op.member, column, 0, firstShift(bits), root)
      return this.code.length - 3
    }
    const only = test.values.length === 1 ? test.values[0]! : undefined
    const single = only !== undefined && only[0] === only[1]
    this.code.push(single ? Op.equals : Op.ranges, column, 0)
    const fail = this.code.length - 1
    if (single) this.code.push(Number(only[0]) | 0)
    else this.#pairs(test.values)
    return fail
  }

  #pairs(values: Intervals): void {
    this.code.push(values.length)
    for (const [low, high] of values) this.code.push(ordered(Number(low)), ordered(Number(high)))
  }

  /** Writes a step; returns where its operand `fail` is, if it has one. */
  #step(step: Step, rule: FlatRule): number[] {
    switch (step.kind) {
      case 'column':
      case 'load':
        return [this.#test(step)]
      case 'counter':
        this.code.push(Op.count, this.#counter(rule, rule.steps.indexOf(step)))
        return []
      case 'window':
        this.code.push(Op.window, this.#windows.get(step.name)!, 0)
        return [this.code.length - 1]
      case 'accept':
        this.code.push(Op.accept, rule.number)
        return []
      case 'drop':
        this.code.push(Op.drop, rule.number)
        return []
      case 'return':
        this.code.push(Op.end)
        return []
      case 'continue':
        return []
      case 'jump':
      case 'goto':
        this.code.push(step.kind === 'jump' ? Op.jump : Op.goto, 0)
        this.#jumps.push({ at: this.code.length - 1, target: step.target })
        return []
    }
  }

  /** A statement counts with one counter in however many leaves it stands. */
  #counter(rule: FlatRule, place: number): number {
    const key = `${rule.number}:${place}`
    let counter = this.#counterOf.get(key)
    if (counter === undefined) {
      counter = this.counters.push(rule.number) - 1
      this.#counterOf.set(key, counter)
    }
    return counter
  }
}

/** What remains to be tested of a rule in a leaf. */
function testsOf({ rule, open }: Item): Test[] {
  const tests: Test[] = []
  for (const [column, values] of rule.box) {
    if ((open & (1 << Column[column])) !== 0) tests.push({ kind: 'column', column, values })
  }
  return tests.sort((a, b) => Number(isTrie(a)) - Number(isTrie(b)))
}

/** Whether a test is a walk along a trie rather than some comparisons. */
function isTrie(test: Test): boolean {
  return test.kind === 'column' && (test.values.length > FEW || columnBits(test.column) > 32)
}

/** The shift that brings the first nibble of a value, or of its first word, to the lowest bits. */
function firstShift(bits: number): number {
  return Math.min(bits, 32) - STRIDE
}
