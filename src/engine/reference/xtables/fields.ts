/** The reference of the matches of single fields, of bytes and of the clock. */
import { Column, type Packet } from '../../../packet/packet.js'
import {
  ADDRESS_TYPES,
  type AddrtypeMatch,
  type IprangeMatch,
  type OwnerMatch,
  type TimeMatch,
  type U32Match,
} from '../../../ruleset/xtables.js'
import type { Clock, Host } from '../../environment.js'
import { addressesOf, bytesOf, isIPv6, numberAt } from './bytes.js'
import { option, outcome, within, type XtablesOutcome } from './outcome.js'

export function mark(packet: Packet): number {
  return packet.fields[Column.mark]! >>> 0
}

export function trafficClass(packet: Packet): number {
  const [first, second] = bytesOf(packet) as [number, number]
  return isIPv6(packet) ? (first & 15) * 16 + (second >> 4) : second
}

export function ttl(packet: Packet): number {
  return bytesOf(packet)[isIPv6(packet) ? 7 : 8]!
}

export function iprange(match: IprangeMatch, packet: Packet): XtablesOutcome {
  const { source, destination } = addressesOf(packet)
  const holds = (span: IprangeMatch['source'], address: bigint) =>
    option(span, ({ from, to }) => from <= address && address <= to)
  return outcome(holds(match.source, source) && holds(match.destination, destination))
}

export function packetType(packet: Packet): number {
  if (packet.pkttype !== 5) return packet.pkttype
  const { destination } = addressesOf(packet)
  const multicast = isIPv6(packet) ? destination >> 120n === 0xffn : destination >> 28n === 14n
  return multicast ? 2 : 1
}

export function owner({ uid, gid, socketExists }: OwnerMatch, packet: Packet): XtablesOutcome {
  if (packet.uid < 0)
    return outcome([uid, gid, socketExists].every((each) => each === undefined || each.invert === true))
  return outcome(!socketExists?.invert && within(uid, packet.uid) && within(gid, packet.gid))
}

export function addrtype(match: AddrtypeMatch, packet: Packet, host: Host): XtablesOutcome {
  const { limitInterface } = match
  const limit = limitInterface === 'in' ? packet.iif : limitInterface === 'out' ? packet.oif : 0
  const addresses = addressesOf(packet)
  const test = (side: AddrtypeMatch['source'], which: 'source' | 'destination') =>
    option(side, ({ any }) => {
      const routed = ADDRESS_TYPES[host.addressType(packet, which, limit)]!
      if (!isIPv6(packet)) return any.includes(routed)
      const address = addresses[which]
      const multicast = address >> 120n === 0xffn
      if (any.includes('multicast') && !multicast) return false
      if (any.includes('unicast') && (multicast || address === 0n)) return false
      if (any.includes('unspec') && address !== 0n) return false
      const asked = any.filter((type) => type === 'local' || type === 'anycast' || type === 'unreachable')
      return asked.length === 0 || asked.includes(routed as (typeof asked)[number])
    })
  return outcome(test(match.source, 'source') && test(match.destination, 'destination'))
}

export function time(match: TimeMatch, packet: Packet, clock: Clock): XtablesOutcome {
  const { dateStart = 0, dateStop = 0xffffffff, timeStart = 0, timeStop = 86399 } = match
  const nanoseconds = clock.origin + BigInt(Math.floor(packet.time[0]!))
  let seconds = Number(nanoseconds / 1_000_000_000n) + (match.kernelTimeZone ? offsetOf(clock) : 0)
  if (seconds < dateStart || seconds > dateStop) return 'no'
  const second = seconds % 86400
  const overnight = timeStart >= timeStop
  const inside = overnight
    ? second >= timeStart || second <= timeStop
    : second >= timeStart && second <= timeStop
  if (!inside) return 'no'
  if (overnight && match.contiguous && second <= timeStop) seconds -= 86400
  const date = new Date(seconds * 1000)
  const weekday = date.getUTCDay() === 0 ? 7 : date.getUTCDay()
  return outcome(
    option(match.weekdays, ({ any }) => any.includes(weekday)) &&
      option(match.monthdays, ({ any }) => any.includes(date.getUTCDate())),
  )
}

/** Seconds that the clock's zone is ahead of UTC at the clock's origin. */
function offsetOf({ origin, timeZone }: Clock): number {
  const name = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
    .formatToParts(Number(origin / 1_000_000n))
    .find(({ type }) => type === 'timeZoneName')!.value
  const [, sign, hours, minutes, seconds = 0] = /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(name)!
  if (sign === undefined) return 0
  return (sign === '-' ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds))
}

export function u32({ tests, invert = false }: U32Match, packet: Packet): XtablesOutcome {
  const bytes = bytesOf(packet)
  const wordAt = (at: bigint) =>
    at + 4n <= BigInt(bytes.length) ? BigInt(numberAt(bytes, Number(at), 4)) : undefined
  const holds = ({ start, operations, values }: U32Match['tests'][number]) => {
    let base = 0n
    let value = wordAt(BigInt(start))
    for (const { operator, number } of operations) {
      if (value === undefined) return false
      const by = BigInt(number)
      if (operator === '&') value &= by
      else if (operator === '>>') value >>= by & 31n
      else if (operator === '<<') value = BigInt.asUintN(32, value << (by & 31n))
      else {
        base += value
        value = wordAt(base + by)
      }
    }
    return value !== undefined && values.some(({ from, to }) => from <= value && value <= to)
  }
  return outcome(tests.every(holds) !== invert)
}
