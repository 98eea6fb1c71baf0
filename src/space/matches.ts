/** Matches as sets of packets. */
import type { ColumnTest } from '../engine/compile/implied.js'
import { boundsOfPart } from '../engine/steps/elements.js'
import { isBitmask, typeInfo } from '../ruleset/datatypes.js'
import { keyOf } from '../ruleset/elements.js'
import type {
  AnonymousMap,
  Binary,
  Element,
  Expression,
  Match,
  NamedSet,
  PlainElement,
  Selector,
  SetReference,
  Stateful,
  Table,
  Verdict,
} from '../ruleset/model.js'
import { isSelector, selectorsOf } from '../ruleset/selectors.js'
import { dataTypes, elementTypes, type PartType, typeOf } from '../ruleset/types.js'
import { ALL, type Diagram, EMPTY, type Node } from './diagram.js'
import type { Fields, Version } from './fields.js'
import { constant, equal, less, type Span, type Vector, widened, within } from './vectors.js'

/** An element of a map: the packets whose key it is, and what it leads to. */
export interface Branch {
  readonly packets: Node
  readonly data: Expression | Verdict
}

const NUMBER: PartType = { type: 'integer', bits: 32 }

export class Matcher {
  readonly #fields: Fields
  readonly #diagram: Diagram
  readonly #table: Table
  readonly #family: Version
  readonly #changing: ReadonlySet<string>

  /** Changing: the sets whose elements come and go. */
  constructor(fields: Fields, table: Table, family: Version, changing: ReadonlySet<string>) {
    this.#fields = fields
    this.#diagram = fields.diagram
    this.#table = table
    this.#family = family
    this.#changing = changing
  }

  /** What nft asks of the protocols by the way. */
  test({ column, values }: ColumnTest): Node {
    const vector = this.#fields.column(column, this.#family)
    const spans = values.map(([low, high]): Span => [BigInt(low), BigInt(high)])
    return this.#diagram.and(vector.present, within(this.#diagram, vector, spans))
  }

  /** Undefined where the packet alone does not say. */
  match({ left, operator, right }: Match): Node | undefined {
    if (right.kind === 'set' || right.kind === 'reference' || right.kind === 'concat') {
      const set: Expression = right.kind === 'concat' ? { kind: 'set', elements: [right as Element] } : right
      const keys = this.#keys(left, set)
      if (keys === undefined) return undefined
      const member = this.#diagram.union(keys.of.map(({ packets }) => packets))
      return this.#diagram.and(keys.present, operator === '!=' ? this.#diagram.not(member) : member)
    }
    if (isSelector(right) || right.kind === 'binary' || right.kind === 'map')
      return this.#compared(left, operator, right)
    const [type] = typeOf(left, this.#table.sets) ?? [NUMBER]
    const vector = this.#part(left, type!, [right as PlainElement])
    if (vector === undefined) return undefined
    const bits =
      right.kind === 'flags'
        ? ([right.bits, right.bits] as const)
        : boundsOfPart(right as PlainElement, type!)
    const isBits = (isBitmask(type!.type) || typeInfo(type!.type).form === 'bit') && left.kind !== 'binary'
    return this.#diagram.and(vector.present, this.#within(vector, operator, bits, isBits))
  }

  #within(vector: Vector, operator: Match['operator'], [low, high]: Span, isBits: boolean): Node {
    const diagram = this.#diagram
    const most = (1n << BigInt(vector.bits.length)) - 1n
    const common = () => {
      const width = vector.bits.length
      return diagram.union(vector.bits.filter((_, i) => ((low >> BigInt(width - 1 - i)) & 1n) === 1n))
    }
    switch (operator) {
      case 'in':
        return isBits ? common() : within(diagram, vector, [[low, high]])
      case '!':
        return diagram.not(common())
      case '==':
        return within(diagram, vector, [[low, high]])
      case '!=':
        return diagram.not(within(diagram, vector, [[low, high]]))
      case '<':
        return within(diagram, vector, [[0n, low - 1n]])
      case '<=':
        return within(diagram, vector, [[0n, low]])
      case '>':
        return within(diagram, vector, [[low + 1n, most]])
      case '>=':
        return within(diagram, vector, [[low, most]])
    }
  }

  /** Two values of the packet. */
  #compared(left: Expression, operator: Match['operator'], right: Expression): Node | undefined {
    const diagram = this.#diagram
    const [first, second] = [this.vector(left), this.vector(right)]
    if (first === undefined || second === undefined) return undefined
    const width = Math.max(first.bits.length, second.bits.length)
    const [a, b] = [widened(first, width), widened(second, width)]
    const both = diagram.and(a.present, b.present)
    switch (operator) {
      case '!=':
        return diagram.minus(both, equal(diagram, a, b))
      case '<':
        return diagram.and(both, less(diagram, a, b))
      case '<=':
        return diagram.minus(both, less(diagram, b, a))
      case '>':
        return diagram.and(both, less(diagram, b, a))
      case '>=':
        return diagram.minus(both, less(diagram, a, b))
      default:
        return diagram.and(both, equal(diagram, a, b))
    }
  }

  /** The elements of a map, in sets of packets that do not meet, and those that have a key at all. */
  branches(map: AnonymousMap | SetReference, key: Expression): { present: Node; of: Branch[] } | undefined {
    return this.#keys(key, map)
  }

  #keys(left: Expression, set: Expression | AnonymousMap): { present: Node; of: Branch[] } | undefined {
    const named =
      set.kind === 'reference' ? this.#table.sets.find(({ name }) => name === set.name) : undefined
    if (named !== undefined && this.#changing.has(named.name)) return undefined
    const elements = named?.elements ?? (set as { elements: readonly Element[] }).elements
    const types = named ? elementTypes(named, this.#table.sets) : typeOf(left, this.#table.sets)
    if (types === undefined) return undefined
    const keys = elements.map(keyOf)
    const expressions = left.kind === 'concat' ? left.parts : [left]
    const vectors: Vector[] = []
    for (const [i, expression] of expressions.entries()) {
      const parts = keys.flatMap((each) => partsOf(each)[i] ?? [])
      const vector = this.#part(expression, types[i]!, parts)
      if (vector === undefined) return undefined
      vectors.push(vector)
    }
    const diagram = this.#diagram
    const present = vectors.reduce((all, each) => diagram.and(all, each.present), ALL)
    return { present, of: this.#elements(elements, vectors, types) }
  }

  #elements(elements: readonly Element[], vectors: readonly Vector[], types: readonly PartType[]): Branch[] {
    const diagram = this.#diagram
    const dataOf = (element: Element): Branch['data'] =>
      element.kind === 'pair' ? element.data : { kind: 'continue' }
    const plain = elements.filter((element) => keyOf(element).kind !== 'wildcard')
    // Most sets are long lists of one kind of thing: they are written down at once.
    if (
      vectors.length === 1 &&
      plain.length === elements.length &&
      plain.every(({ kind }) => kind !== 'pair')
    ) {
      const spans = plain.map((element) => boundsOfPart(keyOf(element), types[0]!))
      return [{ packets: within(diagram, vectors[0]!, spans), data: { kind: 'continue' } }]
    }
    const branches = plain.map((element): Branch => {
      const parts = partsOf(keyOf(element))
      const sets = vectors.map((vector, i) => within(diagram, vector, [boundsOfPart(parts[i]!, types[i]!)]))
      return { packets: sets.reduceRight((all, each) => diagram.and(each, all), ALL), data: dataOf(element) }
    })
    const others = elements.find((element) => keyOf(element).kind === 'wildcard')
    if (others === undefined) return branches
    const named = diagram.union(branches.map(({ packets }) => packets))
    return [...branches, { packets: diagram.not(named), data: dataOf(others) }]
  }

  /** What is compared with constants of a type: interfaces that are called by names are looked up by these. */
  #part(expression: Expression, { type }: PartType, constants: readonly PlainElement[]): Vector | undefined {
    if (type !== 'iface_index' || expression.kind !== 'meta') return this.vector(expression)
    const named = constants.filter((each) => each.kind === 'value' && typeof each.value === 'string')
    if (named.length === 0) return this.vector(expression)
    if (named.length < constants.length) return undefined
    return this.#fields.vector(expression.key === 'iif' ? 'iifname' : 'oifname')
  }

  /** Undefined where the packet alone does not say what an expression is. */
  vector(expression: Expression, part: PartType = NUMBER): Vector | undefined {
    if (isSelector(expression))
      return isOfThePacket(expression) ? this.#fields.selected(expression, this.#family) : undefined
    switch (expression.kind) {
      case 'binary':
        return this.#binary(expression, part)
      case 'map':
        return this.#mapped(expression.map, expression.key, part)
      case 'value':
        return constant(boundsOfPart(expression, part)[0], part.bits)
      case 'flags':
        return constant(expression.bits, part.bits)
      default:
        return undefined
    }
  }

  #binary({ operator, left, right }: Binary, part: PartType): Vector | undefined {
    const diagram = this.#diagram
    const type = typeOf(left, this.#table.sets)?.[0] ?? typeOf(right, this.#table.sets)?.[0] ?? part
    const a = this.vector(left, type)
    const b = this.vector(right, type)
    if (a === undefined || b === undefined) return undefined
    const width = type.bits
    const first = widened(a, width)
    const present = diagram.and(a.present, b.present)
    if (operator === '<<' || operator === '>>') {
      if (right.kind !== 'value') return undefined
      const by = Math.min(Number(right.value), width)
      const zeros = Array.from({ length: by }, () => EMPTY)
      const bits =
        operator === '<<'
          ? [...first.bits.slice(by), ...zeros]
          : [...zeros, ...first.bits.slice(0, width - by)]
      return { present, bits }
    }
    const second = widened(b, width)
    const of = { '&': diagram.and, '|': diagram.or, '^': diagram.xor }[operator].bind(diagram)
    return { present, bits: first.bits.map((bit, i) => of(bit, second.bits[i]!)) }
  }

  #mapped(map: AnonymousMap | SetReference, key: Expression, part: PartType): Vector | undefined {
    const diagram = this.#diagram
    const named =
      map.kind === 'reference' ? this.#table.sets.find(({ name }) => name === map.name) : undefined
    const type = (named && dataTypes(named, this.#table.sets)?.[0]) ?? part
    const branches = this.branches(map, key)
    if (branches === undefined) return undefined
    let bits: readonly Node[] = Array.from({ length: type.bits }, () => EMPTY)
    for (const { packets, data } of branches.of) {
      const value = this.vector(data as Expression, type)
      if (value === undefined) return undefined
      bits = bits.map((bit, i) => diagram.choose(packets, value.bits[i]!, bit))
    }
    const found = diagram.union(branches.of.map(({ packets }) => packets))
    return { present: diagram.and(branches.present, found), bits }
  }
}

function partsOf(key: PlainElement): readonly PlainElement[] {
  return key.kind === 'concat' ? (key.parts as PlainElement[]) : [key]
}

/** What another look may see otherwise, what the clock says, and what is made of what a rule may write. */
function isOfThePacket(selector: Selector): boolean {
  if (selector.kind === 'numgen') return false
  if (selector.kind === 'hash')
    return selector.of !== undefined && ![...selectorsOf(selector.of)].some((each) => isWritten(each))
  return selector.kind !== 'meta' || !['random', 'time', 'day', 'hour'].includes(selector.key)
}

export function isWritten(selector: Selector): boolean {
  if (selector.kind === 'meta') return ['mark', 'priority', 'pkttype'].includes(selector.key)
  return selector.kind === 'ct' && ['mark', 'label'].includes(selector.key)
}

/** The sets and maps of a table whose elements come and go, or carry more than counters. */
export function changingSets(table: Table): Set<string> {
  const changing = new Set(table.sets.filter(hasState).map(({ name }) => name))
  for (const { statements } of table.chains.flatMap(({ rules }) => rules))
    for (const statement of statements) if (statement.kind === 'set') changing.add(statement.set)
  return changing
}

function hasState({ flags, timeout, statements = [], elements }: NamedSet): boolean {
  const isMore = (all: readonly Stateful[] = []) => all.some(({ kind }) => kind !== 'counter')
  return (
    flags?.includes('dynamic') === true ||
    timeout !== undefined ||
    isMore(statements) ||
    elements.some((element) => {
      const key = element.kind === 'pair' ? element.key : element
      if (key.kind !== 'element') return false
      return key.timeout !== undefined || key.expires !== undefined || isMore(key.statements)
    })
  )
}
