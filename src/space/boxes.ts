/** Sets of packets as a few boxes, for people: a set of values for each field that matters. */
import { ALL, type Diagram, EMPTY, type Node } from './diagram.js'
import { favourites } from './favourites.js'
import type { Field, Fields, Opaque } from './fields.js'
import type { Span } from './vectors.js'

/** A packet: each variable that matters, and whether it is 1. */
export type Point = ReadonlyMap<number, boolean>

export interface Box {
  readonly packets: Node
  /** The values of the fields that are restricted, as sets over their variables; and all that they might have been. */
  readonly fields: ReadonlyMap<Field, { readonly values: Node; readonly possible: Node }>
  /** What must hold of states. */
  readonly answers: readonly { readonly opaque: Opaque; readonly holds: boolean }[]
}

/** What is made larger first is restricted least: addresses and protocols are what people divide packets by. */
const ORDER: readonly Field['name'][] = [
  'other',
  'tcpFlags',
  'mark',
  'sport',
  'oifname',
  'ctState',
  'iifname',
  'l4proto',
  'dport',
  'daddr4',
  'daddr6',
  'saddr4',
  'saddr6',
]

/** A packet of a set that is not empty: as common a one as there is. */
export function pick(set: Node, fields: Fields): Point {
  const { diagram } = fields
  const point = new Map<number, boolean>()
  let node = set
  const follow = (variable: number, wanted: boolean): void => {
    const tests = diagram.variableOf(node) === variable
    const branch = (high: boolean) => (tests ? (high ? diagram.high(node) : diagram.low(node)) : node)
    const value = branch(wanted) === EMPTY ? !wanted : wanted
    point.set(variable, value)
    node = branch(value)
  }
  for (const part of fields.inOrder()) {
    if ('statement' in part) {
      follow(part.variable, true)
      continue
    }
    const { name, presence, bits } = part
    for (const variable of presence) follow(variable, true)
    const wanted = favourites(name, point, fields).find((value) => leads(diagram, node, bits, value)) ?? 1n
    for (const [i, variable] of bits.entries())
      follow(variable, ((wanted >> BigInt(bits.length - 1 - i)) & 1n) === 1n)
  }
  return point
}

/** Whether there are packets with a value of a field. */
function leads(diagram: Diagram, set: Node, bits: readonly number[], value: bigint): boolean {
  let node = set
  for (const [i, variable] of bits.entries()) {
    if (diagram.variableOf(node) !== variable) continue
    const high = ((value >> BigInt(bits.length - 1 - i)) & 1n) === 1n
    node = high ? diagram.high(node) : diagram.low(node)
  }
  return node !== EMPTY
}

/** A largest box of a set around one of its packets. Feasible: the packets that there are; others do not matter. */
export function boxAround(point: Point, set: Node, feasible: Node, fields: Fields): Box {
  const { diagram } = fields
  const inside = diagram.or(set, diagram.not(feasible))
  const used = diagram.variablesOf(inside)
  const isUsed = ({ presence, bits }: Field) => [...presence, ...bits].some((variable) => used.has(variable))
  const parts = [
    ...fields.opaque
      .filter(({ variable }) => used.has(variable))
      .map((opaque) => ({ opaque, variables: [opaque.variable] })),
    ...fields.all
      .filter(isUsed)
      .toSorted((a, b) => ORDER.indexOf(a.name) - ORDER.indexOf(b.name))
      .map((field) => ({ field, variables: [...field.presence, ...field.bits] })),
  ].map((part) => ({ ...part, values: cube(point, part.variables, diagram) }))
  const others = (but: object) =>
    parts.reduceRight((all, part) => (part === but ? all : diagram.and(part.values, all)), ALL)
  const only = (variables: readonly number[], from: Node) => {
    const kept = new Set(variables)
    return diagram.project(from, (variable) => kept.has(variable))
  }
  // What grows later may let what came before grow again.
  for (let isGrowing = true; isGrowing; ) {
    isGrowing = false
    for (const part of parts) {
      const around = others(part)
      const wrong = only(part.variables, diagram.minus(around, inside))
      const possible = only(part.variables, diagram.and(around, feasible))
      const values = diagram.minus(possible, wrong)
      if (values === part.values) continue
      part.values = diagram.or(part.values, values)
      isGrowing = true
    }
  }
  const answers: Box['answers'][number][] = []
  const restricted = new Map<Field, { values: Node; possible: Node }>()
  for (const part of parts) {
    if ('opaque' in part) {
      if (part.values !== ALL) answers.push({ opaque: part.opaque, holds: diagram.high(part.values) === ALL })
      continue
    }
    const possible = only(part.variables, diagram.and(others(part), feasible))
    const values = diagram.and(part.values, possible)
    if (values !== possible) restricted.set(part.field, { values, possible })
  }
  return { packets: diagram.and(others({}), feasible), fields: restricted, answers }
}

/** The packets with a point's values of some variables. */
function cube(point: Point, variables: readonly number[], diagram: Diagram): Node {
  return variables.reduceRight((all, variable) => {
    const set = diagram.variable(variable)
    return diagram.and(point.get(variable) ? set : diagram.not(set), all)
  }, ALL)
}

/** Boxes that cover a set, at most so many; and what they leave out, of which there is nothing if they are enough. */
export function boxesOf(
  set: Node,
  feasible: Node,
  fields: Fields,
  most: number,
): { boxes: Box[]; rest: Node } {
  const boxes: Box[] = []
  let rest = set
  while (rest !== EMPTY && boxes.length < most) {
    const box = boxAround(pick(rest, fields), set, feasible, fields)
    boxes.push(box)
    rest = fields.diagram.minus(rest, box.packets)
  }
  return { boxes, rest }
}

/** The spans of values of a set over some variables, most significant first; no more than so many. */
export function spansOf(set: Node, bits: readonly number[], diagram: Diagram, most: number): Span[] {
  const spans: [bigint, bigint][] = []
  const walk = (node: Node, at: number, base: bigint): void => {
    if (node === EMPTY || spans.length > most) return
    if (node === ALL) {
      const last = base + (1n << BigInt(bits.length - at)) - 1n
      const before = spans.at(-1)
      if (before !== undefined && before[1] + 1n === base) before[1] = last
      else spans.push([base, last])
      return
    }
    const tests = diagram.variableOf(node) === bits[at]
    walk(tests ? diagram.low(node) : node, at + 1, base)
    walk(tests ? diagram.high(node) : node, at + 1, base + (1n << BigInt(bits.length - at - 1)))
  }
  walk(set, 0, 0n)
  return spans
}

/** The set of a field's values, of packets that have it or of those that lack it. */
export function ofPresence(values: Node, field: Field, present: boolean, diagram: Diagram): Node {
  return diagram.compose(values, new Map(field.presence.map((variable) => [variable, present ? ALL : EMPTY])))
}
