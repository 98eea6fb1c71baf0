import { type Address, type Prefix, parseAddress, prefixOf } from '../../packet/address.js'
import type { DateDetector } from '../dates/detector.js'
import { Connections } from './connections.js'
import type { Filter, Groups, Hit } from './filter.js'
import type { Line } from './line.js'

/** Who failed, as a line says it. */
export interface Failure {
  /** What failures are counted by. */
  readonly id: string
  /** Whom to ban; undefined: `name` says it. */
  readonly source: Prefix | undefined
  /** A name that has to be resolved to addresses. */
  readonly name: string | undefined
  readonly user: string | undefined
  /** Milliseconds since 1970. */
  readonly time: number
  /** Index of the failregex. */
  readonly rule: number
  /** The line as it stands in the log, or the last of several. */
  readonly line: string
}

/** Puts together what a filter says of the lines of a log, one line behind the other. */
export class FailureFinder {
  readonly #filter: Filter
  readonly #connections = new Connections()
  #lines: Line[] = []
  /** How many of the last lines have been pushed since one that may be part of a match. */
  #since = Number.POSITIVE_INFINITY

  constructor(filter: Filter) {
    this.#filter = filter
  }

  /** The last lines, as many as the filter looks at together; for filters that look at several. */
  get lines(): readonly Line[] {
    return this.#lines
  }

  /** Whether the last lines may match: one of them has a literal of the filter. */
  get near(): boolean {
    return this.#since < this.#lines.length
  }

  get ascii(): boolean {
    return this.#lines.every(({ ascii }) => ascii)
  }

  /** may: whether the line has a literal of the filter. */
  push(line: Line, may: boolean): void {
    this.#lines.push(line)
    if (this.#lines.length > this.#filter.maxLines) this.#lines.shift()
    this.#since = may ? 0 : this.#since + 1
  }

  /** The last lines, dates cut out. now: milliseconds since 1970. */
  text(detector: DateDetector, now: number): string {
    return this.#lines.map((line) => line.cut(detector, now)).join('')
  }

  /** What the filter found is a failure; undefined if it is none, or of nobody. line: as it stands in the log. */
  take(hit: Hit, time: number, line: string): Failure | undefined {
    const { mlfid } = hit.groups
    const groups = mlfid === undefined ? hit.groups : this.#connections.merge(mlfid, hit.groups, time)
    return groups && failureOf(groups, hit.rule, time, line)
  }

  /** Lines that matched are not looked at again; those that <SKIPLINES> skipped are. */
  forget({ start, end, groups }: Hit, detector: DateDetector, now: number): void {
    const skipped = Object.entries(groups)
      .filter(([name]) => name.startsWith('skiplines'))
      .flatMap(([, text]) => text.split('\n'))
    let at = 0
    this.#lines = this.#lines.filter((line) => {
      const cut = line.cut(detector, now)
      const from = at
      at += cut.length
      const matched = from < Math.max(end, start + 1) && at > start
      return !matched || skipped.includes(cut.slice(0, -1))
    })
  }
}

function failureOf(groups: Groups, rule: number, time: number, line: string): Failure | undefined {
  const { fid, ip4, ip6, dns, cidr, user } = groups
  const id = fid ?? ip4 ?? ip6 ?? dns
  if (id === undefined) return undefined
  const address = addressOf(ip4 ?? ip6 ?? fid ?? dns!)
  const name = address === undefined && ip4 === undefined && ip6 === undefined ? dns : undefined
  if (address === undefined && name === undefined) return undefined
  const length = cidr === undefined ? address?.bits : Number(cidr)
  if (address !== undefined && length! > address.bits) return undefined
  const source = address && prefixOf(address, length!)
  return { id, source, name, user, time, rule, line }
}

/** IPv4 addresses in IPv6 count as what they are. Undefined if it is no address, such as 999.1.1.1. */
function addressOf(text: string): Address | undefined {
  const address = parseAddress(text)
  if (address?.bits === 128 && address.value >> 32n === 0xffffn)
    return { bits: 32, value: address.value & 0xffffffffn }
  return address
}
