import { type Address, type Prefix, parseAddress, prefixOf } from '../../packet/address.js'
import { Connections } from './connections.js'
import type { Filter, Groups, Hit } from './filter.js'

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

/** Finds the failures in the lines of a log that a filter says something about, one line behind the other. */
export class FailureFinder {
  readonly #filter: Filter
  readonly #connections = new Connections()
  /** The last lines, dates cut out, each with its line feed; only where the filter looks at several together. */
  #lines: string[] = []

  constructor(filter: Filter) {
    this.#filter = filter
  }

  /** What the filter has to look at when a line, its date cut out, comes: the line, or the last lines together. */
  textWith(line: string): string {
    if (this.#filter.maxLines === 1) return line
    this.#lines.push(line)
    this.#lines = this.#lines.slice(-this.#filter.maxLines)
    return this.#lines.join('')
  }

  /** What the filter found in that text is a failure; undefined if it is none, or of nobody. */
  take(hit: Hit, time: number, line: string): Failure | undefined {
    if (this.#filter.maxLines > 1) this.#forget(hit)
    const { mlfid } = hit.groups
    const groups = mlfid === undefined ? hit.groups : this.#connections.merge(mlfid, hit.groups, time)
    return groups && failureOf(groups, hit.rule, time, line)
  }

  /** Lines that matched are not looked at again; those that <SKIPLINES> skipped are. */
  #forget({ start, end, groups }: Hit): void {
    const skipped = Object.entries(groups)
      .filter(([name]) => name.startsWith('skiplines'))
      .flatMap(([, text]) => text.split('\n'))
    let at = 0
    this.#lines = this.#lines.filter((line) => {
      const from = at
      at += line.length
      const matched = from < Math.max(end, start + 1) && at > start
      return !matched || skipped.includes(line.slice(0, -1))
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
