/** Packets as points of a diagram. */

import { nameValue } from '../../../src/engine/state/names.js'
import { CtState, type Packet } from '../../../src/packet/packet.js'
import { selectorInfo } from '../../../src/ruleset/selectors.js'
import type { Point } from '../../../src/space/boxes.js'
import { type Field, type FieldName, type Fields, STATES } from '../../../src/space/fields.js'

/** The names of a packet's interfaces, '' for none. */
export interface Names {
  readonly iifname: string
  readonly oifname: string
}

const COLUMNS = {
  l4proto: 1,
  sport: 2,
  dport: 3,
  mark: 9,
  saddr4: 10,
  daddr4: 11,
  saddr6: 12,
  daddr6: 16,
  tcpFlags: 20,
} as const

/** Where a packet stands in the space of some fields. */
export function pointOf(packet: Packet, { iifname, oifname }: Names, fields: Fields): Point {
  const point = new Map<number, boolean>()
  const put = ({ presence, bits }: Field, value: bigint, there: number = presence.length) => {
    for (const [i, variable] of presence.entries()) point.set(variable, i < there)
    for (const [i, bit] of bits.entries())
      point.set(bit, ((value >> BigInt(bits.length - 1 - i)) & 1n) === 1n)
  }
  const column = (name: keyof typeof COLUMNS) => {
    const words = name.endsWith('6') ? 4 : 1
    let value = 0n
    for (let i = 0; i < words; i++) value = (value << 32n) | BigInt(packet.fields[COLUMNS[name] + i]! >>> 0)
    return value
  }
  const isThere = (name: keyof typeof COLUMNS) => ((packet.present >> COLUMNS[name]) & 1) === 1
  for (const name of ['mark', 'saddr4', 'daddr4', 'saddr6', 'daddr6'] as const)
    put(fields.field(name), column(name))
  for (const name of ['l4proto', 'dport', 'tcpFlags'] as const)
    put(fields.field(name), isThere(name) ? column(name) : 0n, Number(isThere(name)))
  const type = ((packet.present >> 4) & 1) === 1
  const first = isThere('sport') ? column('sport') : type ? BigInt(packet.fields[4]!) << 8n : 0n
  put(fields.field('sport'), first, isThere('sport') ? 2 : Number(type))
  const state = STATES.findIndex((name) => CtState[name] === packet.ctState)
  put(fields.field('ctState'), BigInt(state))
  put(fields.field('iifname' as FieldName), nameValue(iifname))
  put(fields.field('oifname' as FieldName), nameValue(oifname))
  for (const field of fields.all) if (field.selector !== undefined) putOther(field, packet, put)
  return point
}

function putOther(
  field: Field,
  packet: Packet,
  put: (field: Field, value: bigint, there?: number) => void,
): void {
  const place = selectorInfo(field.selector!)?.field
  if (place === undefined) throw new Error('only fields of headers are looked up here')
  const start = place.base === 'nh' ? packet.network : packet.transport
  let value = 0n
  for (let bit = 0; bit < place.bits; bit++) {
    const at = place.offset + bit
    const byte = start + (at >> 3)
    if (start < 0 || byte >= packet.end) {
      put(field, 0n, 0)
      return
    }
    value = value * 2n + BigInt((packet.view.getUint8(byte) >> (7 - (at & 7))) & 1)
  }
  put(field, value)
}
