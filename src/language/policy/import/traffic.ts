/** What a rule of a policy can be about, as sets of numbers that can be cut with each other. */
import type { Element, Expression, Match, Table } from '../../../ruleset/model.js'
import { isSelector, selectorText } from '../../../ruleset/selectors.js'

export interface Span {
  readonly from: bigint
  readonly to: bigint
}

export interface PortSpan extends Span {
  readonly protocol: 'tcp' | 'udp'
}

/** Packets that fit all of these; what is missing fits everything. */
export interface Traffic {
  /** Destination ports; 0 to 65535 is all of a protocol. */
  readonly ports?: readonly PortSpan[]
  readonly from?: readonly Span[]
  readonly to?: readonly Span[]
  readonly interface?: string
}

export const isEverything = (traffic: Traffic): boolean => Object.keys(traffic).length === 0

/** The same for the same traffic. */
export function trafficKey({ ports, from, to, interface: name }: Traffic): string {
  return JSON.stringify([ports, from, to, name], (_, value) =>
    typeof value === 'bigint' ? `${value}` : value,
  )
}

const LAST_PORT = 65_535n
const PROTOCOLS = { tcp: 6n, udp: 17n } as const
const BITS = { ip: 32n, ip6: 128n } as const

export interface Direction {
  readonly hook: 'input' | 'output'
  readonly family: 'ip' | 'ip6'
  readonly table: Table
}

/** Traffic that a match holds for as well; 'nothing', or undefined where a policy cannot say it. */
export function narrowed(
  traffic: Traffic,
  { left, operator, right }: Match,
  { hook, family, table }: Direction,
): Traffic | 'nothing' | undefined {
  if (!isSelector(left) || !['in', '==', '!='].includes(operator)) return undefined
  const text = selectorText(left)
  if (text === (hook === 'input' ? 'iifname' : 'oifname'))
    return operator === '!=' ? undefined : withInterface(traffic, right)
  const spans = spansOf(right, table, text.startsWith(family) ? BITS[family] : 16n)
  if (spans === undefined) return undefined
  const within = (last: bigint) => (operator === '!=' ? outside(spans, last) : spans)
  switch (text) {
    case 'meta l4proto': {
      const protocols = (['tcp', 'udp'] as const).filter((name) => holds(spans, PROTOCOLS[name]))
      const others = spans.some(({ from, to }) => from !== to || (from !== 6n && from !== 17n))
      if (operator === '!=' || others) return undefined
      return withPorts(
        traffic,
        protocols.map((protocol) => ({ protocol, from: 0n, to: LAST_PORT })),
      )
    }
    case 'tcp dport':
    case 'udp dport': {
      const protocol = text.slice(0, 3) as 'tcp'
      return withPorts(
        traffic,
        within(LAST_PORT).map((span) => ({ protocol, ...span })),
      )
    }
    case 'th dport':
      if (traffic.ports === undefined) return undefined
      return withPorts(
        traffic,
        within(LAST_PORT).flatMap((span) =>
          (['tcp', 'udp'] as const).map((protocol) => ({ protocol, ...span })),
        ),
      )
    case `${family} saddr`:
    case `${family} daddr`: {
      const side = text.endsWith('saddr') ? 'from' : 'to'
      const addresses = within((1n << BITS[family]) - 1n)
      const cut = traffic[side] === undefined ? addresses : crossed(traffic[side], addresses)
      return cut.length === 0 ? 'nothing' : { ...traffic, [side]: cut }
    }
    default:
      return undefined
  }
}

const holds = (spans: readonly Span[], value: bigint) =>
  spans.some(({ from, to }) => from <= value && value <= to)

function withInterface(traffic: Traffic, right: Expression): Traffic | 'nothing' | undefined {
  if (right.kind !== 'value' || typeof right.value !== 'string' || !/^[^\s/*\\]{1,15}\*?$/.test(right.value))
    return undefined
  const { interface: before } = traffic
  const name = right.value
  if (before === undefined || fits(name, before)) return { ...traffic, interface: name }
  return fits(before, name) ? traffic : 'nothing'
}

const fits = (name: string, pattern: string) =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern

function withPorts(traffic: Traffic, ports: readonly PortSpan[]): Traffic | 'nothing' {
  const { ports: before } = traffic
  const cut =
    before === undefined
      ? ports
      : (['tcp', 'udp'] as const).flatMap((protocol) => {
          const own = (each: PortSpan) => each.protocol === protocol
          return crossed(before.filter(own), ports.filter(own)).map((span) => ({ protocol, ...span }))
        })
  return cut.length === 0 ? 'nothing' : { ...traffic, ports: cut }
}

function crossed(some: readonly Span[], others: readonly Span[]): Span[] {
  return some.flatMap((a) =>
    others.flatMap((b) => {
      const span = { from: a.from > b.from ? a.from : b.from, to: a.to < b.to ? a.to : b.to }
      return span.from <= span.to ? [span] : []
    }),
  )
}

/** Numbers up to the last that are in none of the spans, which are in their order. */
function outside(spans: readonly Span[], last: bigint): Span[] {
  const out: Span[] = []
  let at = 0n
  for (const { from, to } of spans) {
    if (from > at) out.push({ from: at, to: from - 1n })
    if (to >= at) at = to + 1n
  }
  if (at <= last) out.push({ from: at, to: last })
  return out
}

/** What a match compares with, in the order of the numbers and without overlaps; undefined if it is no such thing. */
function spansOf(right: Expression, table: Table, bits: bigint): Span[] | undefined {
  const set = right.kind === 'reference' ? table.sets.find(({ name }) => name === right.name) : undefined
  if (
    right.kind === 'reference' &&
    (set === undefined || set.map !== undefined || set.flags?.includes('dynamic'))
  )
    return undefined
  const elements = set?.elements ?? (right.kind === 'set' ? right.elements : [right as Element])
  const spans = elements.map((element) => spanOf(element, bits))
  if (spans.includes(undefined)) return undefined
  const sorted = (spans as Span[]).toSorted((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))
  const joined: Span[] = []
  for (const span of sorted) {
    const last = joined.at(-1)
    if (last === undefined || span.from > last.to) joined.push(span)
    else if (span.to > last.to) joined[joined.length - 1] = { from: last.from, to: span.to }
  }
  return joined
}

function spanOf(element: Element, bits: bigint): Span | undefined {
  if (element.kind === 'element')
    return element.timeout === undefined ? spanOf(element.value, bits) : undefined
  if (element.kind === 'range') return { from: element.from, to: element.to }
  if (element.kind === 'prefix')
    return { from: element.base, to: element.base | ((1n << (bits - BigInt(element.length))) - 1n) }
  if (element.kind !== 'value' || typeof element.value !== 'bigint') return undefined
  return { from: element.value, to: element.value }
}
