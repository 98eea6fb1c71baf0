import { Column } from '../../packet/packet.js'
import type { Chain, Reject, Table, Verdict, VerdictMap } from '../../ruleset/model.js'
import { type InTable, Op, ordered, type Program } from '../program.js'
import { targetsOf } from '../steps/elements.js'
import { columnBits, elementsOfMap, type FlatRule, type FlatStep, type Test } from './flatten.js'
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
  readonly steps: Program['steps'][number][] = []
  readonly choices: InTable<VerdictMap>[] = []
  readonly lookups: InTable<string>[] = []
  readonly rejects: Reject[] = []
  /** The numbers of what a rule holds, by the rule's and the place in it. */
  readonly #numbers = new Map<string, number>()
  #table: { readonly index: number; readonly of: Table } | undefined
  #windows: ReadonlyMap<string, number> = new Map()
  readonly #jumps: { at: number; target: string }[] = []
  readonly #members = new Map<Intervals, number>()
  nodes = 0
  leaves = 0
  depth = 0
  longestLeaf = 0

  /** Writes a chain's tree and returns its first instruction. Windows: the table's, their numbers by name. */
  emit(tree: Node, table: { index: number; of: Table }, windows: ReadonlyMap<string, number>): number {
    this.#table = table
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
    const left = leaf.items.map((item): [FlatRule, FlatStep[]] => [
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
  #prepare(test: FlatStep): void {
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
  #test(test: Test, rule: FlatRule): number {
    if (test.kind === 'load') {
      const { base, offset, length } = test.place
      this.code.push(Op.load, base === 'network' ? 0 : 1, offset, length, 0)
      const fail = this.code.length - 1
      this.#pairs(test.values)
      return fail
    }
    const column = Column[test.column]
    if (test.kind === 'lookup') {
      this.code.push(Op.lookup, column, 0, this.#lookup(test.set), Number(test.wanted), rule.number)
      return this.code.length - 4
    }
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

  #lookup(set: string): number {
    const table = this.#table!.index
    const known = this.lookups.findIndex((each) => each.table === table && each.what === set)
    return known < 0 ? this.lookups.push({ table, what: set }) - 1 : known
  }

  #pairs(values: Intervals): void {
    this.code.push(values.length)
    for (const [low, high] of values) this.code.push(ordered(Number(low)), ordered(Number(high)))
  }

  /** Writes a step; returns where its operands `fail` are. */
  #step(step: FlatStep, rule: FlatRule): number[] {
    switch (step.kind) {
      case 'column':
      case 'load':
      case 'lookup':
        return [this.#test(step, rule)]
      case 'counter':
        this.code.push(
          Op.count,
          this.#numberOf(rule, step, () => this.counters.push(rule.number)),
        )
        return []
      case 'window':
        this.code.push(Op.window, this.#windows.get(step.name)!, 0)
        return [this.code.length - 1]
      case 'run': {
        const what = { rule: rule.number, statement: step.statement }
        const number = this.#numberOf(rule, step, () => this.steps.push({ table: this.#table!.index, what }))
        this.code.push(Op.run, number, 0)
        return [this.code.length - 1]
      }
      case 'vmap':
        return this.#choose(step, rule)
      case 'reject':
        this.code.push(
          Op.reject,
          rule.number,
          this.#numberOf(rule, step, () => this.rejects.push(step)),
        )
        return []
      default:
        this.#verdict(step, rule)
        return []
    }
  }

  /** Writes a verdict map: the verdicts stand behind it, and what goes on in the rule behind them. */
  #choose(step: VerdictMap, rule: FlatRule): number[] {
    const table = this.#table!
    const number = this.#numberOf(rule, step, () => this.choices.push({ table: table.index, what: step }))
    const verdicts = targetsOf(elementsOfMap(step, table.of)) as Verdict[]
    this.code.push(Op.choose, number, 0)
    const fail = this.code.length - 1
    const first = this.code.length
    for (const _ of verdicts) this.code.push(0)
    const onwards: number[] = []
    const fails = [fail]
    for (const [i, verdict] of verdicts.entries()) {
      this.code[first + i] = this.code.length
      this.#verdict(verdict, rule)
      if (verdict.kind !== 'jump' && verdict.kind !== 'continue') continue
      this.code.push(Op.go, 0)
      const target = this.code.length - 1
      if (verdict.kind === 'jump') fails.push(target)
      else onwards.push(target)
    }
    for (const at of onwards) this.code[at] = this.code.length
    return fails
  }

  #verdict(verdict: Verdict, rule: FlatRule): void {
    switch (verdict.kind) {
      case 'accept':
        this.code.push(Op.accept, rule.number)
        break
      case 'drop':
        this.code.push(Op.drop, rule.number)
        break
      case 'return':
        this.code.push(Op.end)
        break
      case 'continue':
        break
      case 'jump':
      case 'goto':
        this.code.push(verdict.kind === 'jump' ? Op.jump : Op.goto, 0)
        this.#jumps.push({ at: this.code.length - 1, target: verdict.target })
        break
    }
  }

  /** A statement is one and the same in however many leaves it stands. Add: puts it on a list, and gives its length. */
  #numberOf(rule: FlatRule, step: FlatStep, add: () => number): number {
    const key = `${rule.number}:${rule.steps.indexOf(step)}`
    let number = this.#numbers.get(key)
    if (number === undefined) {
      number = add() - 1
      this.#numbers.set(key, number)
    }
    return number
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
