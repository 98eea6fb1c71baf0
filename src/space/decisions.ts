/**
 * A ruleset as functions from packets to outcomes, one for each hook and IP version: from the last rule to the first, each
 * leads the packets that it is about somewhere, and leaves the others to what follows it. What a rule writes (the mark, a
 * connection's mark) is put in the place of the field in all that follows it.
 */
import { type Asked, askedBy, askedFirst, impliedBy } from '../engine/compile/implied.js'
import type { HookName } from '../packet/packet.js'
import type {
  Chain,
  Mangle,
  Match,
  Rule,
  Ruleset,
  SetUpdate,
  Statement,
  Table,
  Verdict,
  VerdictMap,
} from '../ruleset/model.js'
import { selectorText } from '../ruleset/selectors.js'
import { typeOf } from '../ruleset/types.js'
import { ALL, EMPTY, type Node, SpaceError } from './diagram.js'
import { STATES, type Version } from './fields.js'
import { changingSets, Matcher } from './matches.js'
import { type Decider, rejectVerdict } from './outcomes.js'
import { isFinal, spelt } from './rules.js'
import { basesAt, isWriting } from './rulesets.js'
import type { Numbered, Opened, Space } from './space.js'
import { Stateful, textOf } from './stateful.js'
import { type Vector, widened } from './vectors.js'

/** Rules that may be looked at in all: chains that are jumped to from many places are looked at for each. */
const MOST_RULES = 2_000_000

/** A rule as packets come to it: those that match, of those that may come; what it and those behind it do; those alone. */
export interface Visit {
  readonly rule: Rule
  readonly packets: Node
  readonly does: Node
  readonly next: Node
}

/** Where a rule stands, and what follows it. */
interface Place {
  readonly table: Table
  readonly chain: Chain
  readonly family: Version
  readonly matcher: Matcher
  /** What an accept leads to: the base chains that follow; undefined behind the last. */
  readonly accepted: Node | undefined
  /** What the end of the chain leads to. */
  readonly end: Node
  /** The packets that are asked about. */
  readonly care: Node
  /** Those of them that may come to the chain: only for who visits, where rules write nothing. */
  readonly reach: Node
}

/** A rule from a statement on. */
interface Rest {
  readonly rule: Rule
  readonly statements: readonly Numbered[]
  readonly place: Place
  /** What the next rules do. */
  readonly next: Node
}

export class Decisions {
  readonly #space: Space
  readonly #ruleset: Ruleset
  readonly #isLabelled: boolean
  /** Rules are told only of packets that no rule before them keeps. */
  readonly #narrows: boolean
  readonly #visit: ((visit: Visit) => boolean) | undefined
  readonly #stateful: Stateful
  readonly #changing: ReadonlyMap<Table, ReadonlySet<string>>
  readonly #chains = new Map<string, Node>()
  #rules = 0

  /**
   * Labelled: outcomes tell who decides. Visit: is told of each rule, from the last to the first, and says whether it is to
   * stay; with it, rules are told only of packets that no rule before them in their chain keeps.
   */
  constructor(
    space: Space,
    ruleset: Ruleset,
    { labelled = false, visit }: { labelled?: boolean; visit?: (visit: Visit) => boolean } = {},
  ) {
    this.#visit = visit
    this.#narrows = visit !== undefined && !isWriting(ruleset)
    this.#space = space
    this.#ruleset = ruleset
    this.#isLabelled = labelled
    this.#stateful = new Stateful(space.fields, ruleset)
    this.#changing = new Map(ruleset.tables.map((table) => [table, changingSets(table)]))
  }

  /** The outcomes at a hook; of other packets than those that are cared for, anything may be said. */
  at(hook: HookName, family: Version, care: Node = ALL): Node {
    this.#chains.clear()
    const bases = basesAt(this.#ruleset, hook, family)
    let accepted: Node | undefined
    for (const { table, chain } of bases.toReversed()) {
      const end =
        chain.base!.policy === 'drop'
          ? this.#leaf('drop', { chain })
          : (accepted ?? this.#leaf('accept', { chain }))
      const matcher = new Matcher(this.#space.fields, table, family, this.#changing.get(table)!)
      accepted = this.#chain(chain, { table, chain, family, matcher, accepted, end, care, reach: care })
    }
    return accepted ?? this.#leaf('accept', {})
  }

  /** The packets that matches hold of; undefined if the packets alone do not say. */
  about(rule: Rule, table: Table, family: Version): Node | undefined {
    const matcher = new Matcher(this.#space.fields, table, family, changingSets(table))
    const { packets, rest } = this.#opening(rule, { table, family, matcher })
    return rest.length === 0 ? packets : undefined
  }

  /** The packets that the first matches of a rule hold of: it does nothing to others. */
  start(rule: Rule, table: Table, family: Version): Node {
    const matcher = new Matcher(this.#space.fields, table, family, this.#changing.get(table)!)
    return this.#open(rule, { table, family, matcher }).packets
  }

  #leaf(verdict: string, { chain, rule }: Decider): Node {
    const position = rule?.position ?? chain?.position
    const by = { ...(chain && { chain }), ...(rule && { rule }), ...(position && { position }) }
    return this.#space.outcomes.leaf({ verdict, effects: [], ...(this.#isLabelled && { by }) })
  }

  #chain(chain: Chain, place: Place): Node {
    const tables = this.#ruleset.tables
    const key = [tables.indexOf(place.table), chain.name, place.accepted, place.end, place.reach].join(' ')
    const known = this.#chains.get(key)
    if (known !== undefined) return known
    let node = place.end
    const reach = this.#narrows ? this.#reach(chain, place) : undefined
    for (let i = chain.rules.length - 1; i >= 0; i--)
      node = this.#rule(chain.rules[i]!, { ...place, chain, reach: reach?.[i] ?? place.reach }, node)
    this.#chains.set(key, node)
    return node
  }

  /** The packets that may come to each rule of a chain. */
  #reach(chain: Chain, place: Place): Node[] {
    const { diagram } = this.#space
    let left = place.reach
    return chain.rules.map((rule) => {
      const reach = left
      const { packets, rest } = this.#open(rule, place)
      if (isFinal(rest)) left = diagram.minus(left, packets)
      return reach
    })
  }

  /** What a rule and those behind it do. */
  #rule(rule: Rule, place: Place, next: Node): Node {
    if (++this.#rules > MOST_RULES)
      throw new SpaceError('these chains are jumped to from too many places to follow all of them')
    const { diagram } = this.#space
    const { packets, rest } = this.#open(rule, place)
    const cared = diagram.and(packets, place.care)
    if (cared === EMPTY) return next
    const reach = this.#narrows ? diagram.and(cared, place.reach) : place.reach
    const met: Rest = { rule, statements: rest, place: { ...place, reach }, next }
    const does = diagram.choose(cared, this.#from(0, met), next)
    if (this.#visit === undefined) return does
    return this.#visit({ rule, packets: diagram.and(cared, reach), does, next }) ? does : next
  }

  #open(rule: Rule, place: Pick<Place, 'table' | 'family' | 'matcher'>): Opened {
    const opened = this.#space.openedOf(place.table, place.family)
    let known = opened.get(rule)
    if (known === undefined) {
      known = this.#opening(rule, place)
      opened.set(rule, known)
    }
    return known
  }

  #opening(rule: Rule, { table, family, matcher }: Pick<Place, 'table' | 'family' | 'matcher'>): Opened {
    const { diagram } = this.#space
    const start: Asked = { family: table.family !== 'inet' }
    const sets = [...askedFirst(rule.statements, start)].map((test) => matcher.test(test))
    let asked = start
    const statements = spelt(rule, family).map((each): Numbered => {
      const numbered = { ...each, asked }
      asked = { ...asked, ...askedBy(each.statement) }
      return numbered
    })
    let rest = 0
    for (const { statement, asked } of statements) {
      const set = statement.kind === 'match' ? matcher.match(statement) : undefined
      if (set === undefined) break
      sets.push(this.#implied(statement, asked, matcher), set)
      rest++
    }
    return { packets: sets.reduce((all, set) => diagram.and(all, set), ALL), rest: statements.slice(rest) }
  }

  #implied(statement: Statement, asked: Asked, matcher: Matcher): Node {
    const { diagram } = this.#space
    return [...impliedBy(statement, asked)].reduce((all, test) => diagram.and(all, matcher.test(test)), ALL)
  }

  /** What a rule does from a statement on. */
  #from(index: number, rest: Rest): Node {
    const numbered = rest.statements[index]
    if (numbered === undefined) return rest.next
    const { statement, asked } = numbered
    const implied = this.#implied(statement, asked, rest.place.matcher)
    if (implied === EMPTY) return rest.next
    const does = this.#statement(numbered, rest, () => this.#from(index + 1, rest))
    return this.#space.diagram.choose(implied, does, rest.next)
  }

  #statement(numbered: Numbered, rest: Rest, onwards: () => Node): Node {
    const { diagram } = this.#space
    const { statement } = numbered
    switch (statement.kind) {
      case 'match': {
        const set = rest.place.matcher.match(statement)
        return set === undefined
          ? this.#ask(numbered, rest, onwards)
          : diagram.choose(set, onwards(), rest.next)
      }
      case 'accept':
      case 'drop':
      case 'continue':
      case 'return':
      case 'jump':
      case 'goto':
        return this.#verdict(statement, rest, onwards)
      case 'reject':
        return this.#leaf(rejectVerdict(statement, rest.place.family), {
          chain: rest.place.chain,
          rule: rest.rule,
        })
      case 'vmap':
        return this.#choose(statement, rest, onwards)
      case 'mangle':
        return this.#mangle(statement, rest, onwards)
      case 'set':
        return this.#update(numbered, statement, rest, onwards)
      case 'notrack':
        return diagram.compose(onwards(), this.#untracked())
      default:
        return this.#ask(numbered, rest, onwards)
    }
  }

  #verdict(verdict: Verdict, { rule, place, next }: Rest, onwards: () => Node): Node {
    switch (verdict.kind) {
      case 'accept':
        return place.accepted ?? this.#leaf('accept', { chain: place.chain, rule })
      case 'drop':
        return this.#leaf('drop', { chain: place.chain, rule })
      case 'continue':
        return onwards()
      case 'return':
        return place.end
      case 'jump':
      case 'goto': {
        const target = place.table.chains.find(({ name }) => name === verdict.target)!
        return this.#chain(target, { ...place, end: verdict.kind === 'jump' ? next : place.end })
      }
    }
  }

  /** A statement that asks a state; one that asks nothing lets everything pass. */
  #ask({ statement, number }: Numbered, { rule, place, next }: Rest, onwards: () => Node): Node {
    const question = this.#stateful.question(statement, rule, number, place.table)
    const inside = onwards()
    if (question === undefined) return inside
    const after = (node: Node) => this.#stateful.after(node, question.changes)
    const [yes, no] = [after(inside), after(next)]
    const answer = this.#stateful.answer(statement, question)
    const isNot = statement.kind === 'match' && statement.operator === '!='
    return isNot ? this.#space.diagram.choose(answer, no, yes) : this.#space.diagram.choose(answer, yes, no)
  }

  #choose(statement: VerdictMap, rest: Rest, onwards: () => Node): Node {
    const { diagram } = this.#space
    const { matcher, table } = rest.place
    const branches = matcher.branches(statement.map, statement.key)
    if (branches === undefined) {
      // What a map that changes leads to is asked for, verdict by verdict.
      const { map } = statement
      const named = map.kind === 'reference' ? table.sets.find(({ name }) => name === map.name) : undefined
      const verdicts = new Map(
        (named?.elements ?? []).flatMap((each) =>
          each.kind === 'pair' ? [[textOf(each.data), each.data as Verdict]] : [],
        ),
      )
      let node = rest.next
      for (const [text, verdict] of verdicts) {
        const cells = [this.#stateful.set(named!.name, table)]
        const question = { key: `${textOf(statement)} ${text} ${cells}`, cells, changes: [] }
        node = diagram.choose(
          this.#stateful.answer(statement, question),
          this.#verdict(verdict, rest, onwards),
          node,
        )
      }
      return node
    }
    let node = rest.next
    for (const { packets, data } of branches.of)
      node = diagram.choose(packets, this.#verdict(data as Verdict, rest, onwards), node)
    return diagram.choose(branches.present, node, rest.next)
  }

  #mangle(statement: Mangle, { place, next }: Rest, onwards: () => Node): Node {
    const { key, value } = statement
    const { fields, outcomes, diagram } = this.#space
    const inside = onwards()
    if (key.kind === 'meta' && key.key === 'nftrace') return inside
    const [part] = typeOf(key, place.table.sets)!
    const old = fields.selected(key, place.family)
    const width = old.bits.length
    const known = place.matcher.vector(value, part)
    // Of what the packet does not tell each bit is a question of its own.
    const given = widened(known ?? this.#drawn(value, width), width)
    const isAdded = key.kind === 'ct' && key.key === 'label'
    const bits = isAdded ? given.bits.map((bit, i) => diagram.or(bit, old.bits[i]!)) : given.bits
    const sets = new Map(old.bits.map((bit, i) => [diagram.variableOf(bit), bits[i]!]))
    const written = this.#stateful.after(diagram.compose(inside, sets), [selectorText(key)])
    const isMark = key.kind === 'meta' && key.key === 'mark'
    const done = isMark
      ? this.#marked(written, old, { present: given.present, bits }, textOf(value))
      : outcomes.withEffect(written, textOf(statement), statement)
    return diagram.choose(given.present, done, next)
  }

  /** Tells in the outcomes how the mark is set. */
  #marked(node: Node, old: Vector, { bits }: Vector, text: string): Node {
    const { diagram, outcomes } = this.#space
    const isKept = (bit: Node, i: number) => bit === old.bits[i] || bit === diagram.not(old.bits[i]!)
    const number = (of: (bit: Node, i: number) => boolean) =>
      bits.reduce((sum, bit, i) => sum * 2 + Number(of(bit, i)), 0)
    if (bits.every((bit, i) => bit <= ALL || isKept(bit, i))) {
      const turned = (bit: Node, i: number) => bit === ALL || (bit > ALL && bit !== old.bits[i])
      return outcomes.withMark(node, { base: '', and: number(isKept), xor: number(turned) })
    }
    return outcomes.withMark(node, { base: text, and: 0xffffffff, xor: 0 })
  }

  #drawn(value: Mangle['value'], width: number): Vector {
    const statement: Match = { kind: 'match', operator: 'in', left: value, right: value }
    const bits = Array.from({ length: width }, (_, i) =>
      this.#space.fields.answer(`${textOf(value)} bit ${i}`, 0, statement),
    )
    return { present: ALL, bits }
  }

  #update(numbered: Numbered, statement: SetUpdate, rest: Rest, onwards: () => Node): Node {
    const { outcomes, diagram } = this.#space
    const { table, matcher } = rest.place
    const cells = [this.#stateful.set(statement.set, table)]
    const after = (node: Node) => this.#stateful.after(node, cells)
    const [yes, no] = [after(onwards()), after(rest.next)]
    const parts = statement.element.kind === 'concat' ? statement.element.parts : [statement.element]
    const present = parts.reduce((all, part) => diagram.and(all, matcher.vector(part)?.present ?? ALL), ALL)
    const question = this.#stateful.question(statement, rest.rule, numbered.number, table)!
    const does =
      statement.operation === 'delete'
        ? yes
        : diagram.choose(this.#stateful.answer(statement, question), yes, no)
    return diagram.choose(
      present,
      outcomes.withEffect(does, `${textOf(statement)} ${cells}`, statement),
      rest.next,
    )
  }

  /** notrack: packets that belong to no connection are untracked from then on. */
  #untracked(): Map<number, Node> {
    const { fields, diagram } = this.#space
    const isUntracked = diagram.or(
      fields.state(STATES.indexOf('invalid')),
      fields.state(STATES.indexOf('untracked')),
    )
    const { bits } = fields.field('ctState')
    const number = STATES.indexOf('untracked')
    return new Map(
      bits.map((bit, i) => {
        const isSet = ((number >> (bits.length - 1 - i)) & 1) === 1
        return [bit, diagram.choose(isUntracked, isSet ? ALL : EMPTY, diagram.variable(bit))]
      }),
    )
  }
}
