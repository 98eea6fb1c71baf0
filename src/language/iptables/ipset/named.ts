/** An ipset as a set of nft: the same elements, so that the same packets match. */
import type { DataType, Element, NamedSet, PlainElement } from '../../../ruleset/model.js'
import type { Ipset, IpsetElement, Ipsets, Part, Span } from './sets.js'

type IpFamily = 'ip' | 'ip6'

/** How many elements are compared with each other. */
const MOST_COMPARED = 2000

/** The sets whose elements are a set's own: itself, or the members of a list that a family's packets can be in. */
export function membersOf(set: Ipset, sets: Ipsets, family: IpFamily): Ipset[] {
  if (set.type !== 'list:set') return [set]
  return [...set.members].flatMap((name) => {
    const member = sets.get(name)
    const fits = member !== undefined && (member.family ?? family) === family
    return fits && member.type !== 'list:set' ? [member] : []
  })
}

/** The types of nft's keys for the parts of an element. */
export function keyTypes(parts: readonly Part[], family: IpFamily): DataType[] {
  return parts.flatMap((part): DataType[] => {
    if (part === 'bare port') return ['inet_service']
    return part === 'port' ? ['inet_proto', 'inet_service'] : [family === 'ip' ? 'ipv4_addr' : 'ipv6_addr']
  })
}

/** `members`: of one set or list, all with the same parts. */
export function namedSet(name: string, members: readonly Ipset[], family: IpFamily): NamedSet {
  const [first] = members
  const all = members.flatMap((set) => (isSingle(set) ? whole(set) : [...set.elements.values()]))
  const plain = isSingle(first!) && all.every(({ timeout }) => timeout === undefined)
  const elements = plain ? joined(all) : disjoint(all)
  const intervals = elements.some(({ spans }) => spans.some(({ from, to }) => from !== to))
  const timed = elements.some(({ timeout }) => timeout !== undefined)
  const types = keyTypes(first!.parts, family)
  const flags = [...(intervals ? (['interval'] as const) : []), ...(timed ? (['timeout'] as const) : [])]
  return {
    name,
    type: types.length === 1 ? types[0]! : types,
    ...(flags.length > 0 && { flags }),
    elements: elements.map((element) => elementOf(element, types)),
    position: first!.position,
  }
}

const isSingle = ({ parts }: Ipset) => parts.length === 1

function elementOf({ spans, timeout }: IpsetElement, types: readonly DataType[]): Element {
  const parts = spans.map((span, i) => partOf(span, BITS[types[i] as string]))
  const [only, more] = parts
  const value: PlainElement = more === undefined ? only! : { kind: 'concat', parts: parts as never }
  return timeout === undefined ? value : { kind: 'element', value, timeout }
}

const BITS: Readonly<Record<string, number>> = { ipv4_addr: 32, ipv6_addr: 128 }

/** `bits`: of an address, of which whole networks are prefixes. */
function partOf({ from, to }: Span, bits: number | undefined): PlainElement {
  if (from === to) return { kind: 'value', value: from }
  const size = to - from + 1n
  const isPrefix = bits !== undefined && (size & (size - 1n)) === 0n && from % size === 0n
  if (!isPrefix) return { kind: 'range', from, to }
  return { kind: 'prefix', base: from, length: bits - (size.toString(2).length - 1) }
}

/** The elements of a set with one part, without its exceptions: of networks in each other the innermost counts. */
function whole(set: Ipset): IpsetElement[] {
  const elements = [...set.elements.values()]
  if (!elements.some(({ nomatch }) => nomatch)) return elements
  const nets = elements
    .map(({ spans: [span], nomatch }) => ({ ...span!, nomatch }))
    .toSorted((a, b) => compare(a.from, b.from) || compare(b.to, a.to))
  const found: IpsetElement[] = []
  const around: typeof nets = []
  let at = 0n
  const upTo = (to: bigint) => {
    const inner = around.at(-1)
    if (inner !== undefined && !inner.nomatch && at <= to)
      found.push({ spans: [{ from: at, to }], nomatch: false })
    if (to >= at) at = to + 1n
  }
  const leave = (before: bigint | undefined) => {
    for (let inner = around.at(-1); inner !== undefined; inner = around.at(-1)) {
      if (before !== undefined && inner.to >= before) return
      upTo(inner.to)
      around.pop()
    }
  }
  for (const net of nets) {
    leave(net.from)
    upTo(net.from - 1n)
    at = net.from
    around.push(net)
  }
  leave(undefined)
  return found
}

const compare = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0)

/** Spans that overlap or touch, as one. */
function joined(elements: readonly IpsetElement[]): IpsetElement[] {
  const spans = elements.map(({ spans: [span] }) => span!).toSorted((a, b) => compare(a.from, b.from))
  const out: { from: bigint; to: bigint }[] = []
  for (const { from, to } of spans) {
    const last = out.at(-1)
    if (last !== undefined && from <= last.to + 1n) last.to = to > last.to ? to : last.to
    else out.push({ from, to })
  }
  return out.map((span) => ({ spans: [span], nomatch: false }))
}

/** The same without overlaps, which nft does not take: what lies in two elements is left to the one that stays longer. */
function disjoint(elements: readonly IpsetElement[]): readonly IpsetElement[] {
  if (elements.length > MOST_COMPARED) return elements
  const life = ({ timeout }: IpsetElement) => timeout ?? Number.POSITIVE_INFINITY
  const out: IpsetElement[] = []
  for (const element of elements.toSorted((a, b) => life(b) - life(a) || compare(sizeOf(b), sizeOf(a)))) {
    let rest = [element.spans]
    for (const { spans } of [...out]) rest = rest.flatMap((each) => without(each, spans))
    out.push(...rest.map((spans) => ({ ...element, spans })))
  }
  return out
}

const sizeOf = ({ spans }: IpsetElement) => spans.reduce((size, { from, to }) => size * (to - from + 1n), 1n)

/** What of one box is outside of another, as boxes. */
function without(box: readonly Span[], other: readonly Span[]): (readonly Span[])[] {
  if (box.some(({ from, to }, i) => to < other[i]!.from || other[i]!.to < from)) return [box]
  const out: Span[][] = []
  const inner = [...box]
  for (const [i, { from, to }] of other.entries()) {
    const span = inner[i]!
    if (span.from < from) out.push(inner.with(i, { from: span.from, to: from - 1n }))
    if (span.to > to) out.push(inner.with(i, { from: to + 1n, to: span.to }))
    inner[i] = { from: span.from < from ? from : span.from, to: span.to > to ? to : span.to }
  }
  return out
}
