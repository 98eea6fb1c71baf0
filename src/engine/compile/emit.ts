import { Column } from '../../packet/packet.js'
import type { Chain, Reject, Table, Verdict, VerdictMap } from '../../ruleset/model.js'
import { type InTable, Op, ordered, type Program } from '../program.js'
import { targetsOf } from '../steps/elements.js'
import { columnBits, lastPoint } from './columns.js'
import { writeCut } from './cuts.js'
import { elementsOfMap, type FlatRule, type FlatStep, type Test } from './flatten.js'
import type { ColumnTest } from './implied.js'
import { compare, complement, type Intervals, type Point } from './intervals.js'
import { leafRule } from './leaves.js'
import { type Entry, type Worth, worthOf } from './plan.js'
import type { Cut, Leaf, Node, Tree } from './tree.js'

/** Sets of more intervals than this are tested by nodes of their own. */
const FEW = 4
/** Where such nodes lead: see `Op.member`. */
const MEMBER = ~1
const NO_MEMBER = ~0
/** A rank behind all rules, see search.ts. */
const END = 0x7fffffff
/** Where the instructions stand that every program starts with. */
const END_AT = 0
const NEXT_AT = 1

/** Writes trees as instructions into one program. */
export class Emitter {
  readonly code: number[] = [Op.end, Op.next]
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
  /** Of the chain that is being written. */
  readonly #bodies = new Map<string, number>()
  readonly #leaves = new Map<string, number>()
  readonly #worth: Worth = new Map()

  /** Writes a chain's trees and returns where the chain starts. Windows: the table's, their numbers by name. */
  emit(
    rules: readonly FlatRule[],
    trees: readonly Tree[],
    table: { index: number; of: Table },
    windows: ReadonlyMap<string, number>,
  ): number {
    this.#table = table
    this.#windows = windows
    this.#bodies.clear()
    this.#leaves.clear()
    // Of rules that no packet comes to, too: their counters are there all the same.
    for (const [rank, rule] of rules.entries()) this.#body(rule, rank, [])
    const roots = trees.map(({ rank, root }) => ({ rank, entry: this.#node(root, new Map()) }))
    const chain = this.code.length
    this.code.push(roots.length, END, END_AT)
    for (const { rank, entry } of roots) this.code.push(rank, entry)
    return chain
  }

  /** Fills in where the jumps go, once all chains of a table are written. */
  link(entries: ReadonlyMap<Chain['name'], number>): void {
    for (const { at, target } of this.#jumps) this.code[at] = entries.get(target)!
    this.#jumps.length = 0
  }

  #node(node: Node, written: Map<Node, Entry>): Entry {
    const known = written.get(node)
    if (known !== undefined) return known
    const entry = node.kind === 'leaf' ? ~this.#leaf(node) : this.#cut(node, written)
    written.set(node, entry)
    return entry
  }

  #cut({ column, starts, children }: Cut, written: Map<Node, Entry>): Entry {
    const entries = children.map((child) => this.#node(child, written))
    const entry = writeCut(this.code, Column[column], starts, entries, lastPoint(column), this.#worth)
    this.#worth.set(entry, worthOf(entries, this.#worth))
    return entry
  }

  /** Leaves with the same tests of the same rules are one. */
  #leaf({ items }: Leaf): number {
    const key = items.map(({ rank, open }) => `${rank}:${open}`).join()
    const known = this.#leaves.get(key)
    if (known !== undefined) return known
    const words = items.flatMap((item) => {
      const { tests, others } = leafRule(item)
      const body = this.#body(item.rule, item.rank, others)
      return tests.flatMap((all) => [
        ...[item.rank, body, all.length * 3],
        ...all.flatMap(({ word, low, span }) => [word, low | 0, span | 0]),
      ])
    })
    const at = this.code.length
    for (const word of words) this.code.push(word)
    this.code.push(END)
    this.#leaves.set(key, at)
    this.#worth.set(~at, items.length)
    return at
  }

  /** Writes a rule's instructions, and before them the tests that its leaf cannot do. */
  #body(rule: FlatRule, rank: number, tests: readonly ColumnTest[]): number {
    const key = `${rank}:${tests.map(({ column }) => column).join()}`
    const known = this.#bodies.get(key)
    if (known !== undefined) return known
    const steps = [...tests.toSorted((a, b) => Number(isLarge(a)) - Number(isLarge(b))), ...rule.steps]
    // Nodes stand before the instructions that use them.
    for (const step of steps) this.#prepare(step)
    const at = this.code.length
    for (const step of steps) for (const fail of this.#step(step, rule)) this.code[fail] = NEXT_AT
    this.code.push(Op.next)
    this.#bodies.set(key, at)
    return at
  }

  /** Writes the nodes that a test of a large set needs. */
  #prepare(test: FlatStep): void {
    if (test.kind !== 'column' || !isLarge(test) || this.#members.has(test.values)) return
    const { column, values } = test
    const outside = complement(values, columnBits(column))
    const starts: [Point, Entry][] = [
      ...values.map(([low]): [Point, Entry] => [low, MEMBER]),
      ...outside.map(([low]): [Point, Entry] => [low, NO_MEMBER]),
    ]
    starts.sort(([a], [b]) => compare(a, b))
    const root = writeCut(
      this.code,
      Column[column],
      starts.map(([start]) => start),
      starts.map(([, entry]) => entry),
      lastPoint(column),
      new Map(),
    )
    this.#members.set(values, root)
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
    const root = this.#members.get(test.values)
    if (root !== undefined) {
      this.code.push(Op.member, column, 0, root)
      return this.code.length - 2
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
    for (const [i, verdict] of verdicts.entries()) {
      this.code[first + i] = this.code.length
      this.#verdict(verdict, rule)
      if (verdict.kind !== 'continue') continue
      this.code.push(Op.go, 0)
      onwards.push(this.code.length - 1)
    }
    for (const at of onwards) this.code[at] = this.code.length
    return [fail]
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

/** Whether a test takes nodes rather than some comparisons. */
function isLarge(test: Test): boolean {
  return test.kind === 'column' && (test.values.length > FEW || columnBits(test.column) > 32)
}
