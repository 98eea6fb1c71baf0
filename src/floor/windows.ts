/** Windows in the kernel's words: sets that packets fill, whose elements carry a limit. */
import type { NamedSet, Selector, SetUpdate, Statement, Table, Window } from '../ruleset/model.js'
import { and, field } from '../ruleset/nodes.js'
import { familiesOf, selectorsOf } from '../ruleset/selectors.js'
import { type Bucket, bucketOf } from './bucket.js'

const VERSIONS = [
  { version: 'ip', type: 'ipv4_addr', bits: 32, family: 2, suffix: 'rate4' },
  { version: 'ip6', type: 'ipv6_addr', bits: 128, family: 10, suffix: 'rate6' },
] as const

/** The windows of a table for which there is a bucket. */
export class FloorWindows {
  readonly sets: readonly NamedSet[]
  readonly #updates = new Map<string, readonly SetUpdate[]>()

  constructor({ windows, sets, family }: Table) {
    const names = new Set(sets.map(({ name }) => name))
    const families: readonly number[] = familiesOf(family)
    const versions = VERSIONS.filter((each) => families.includes(each.family))
    const made: NamedSet[] = []
    for (const window of windows) {
      const bucket = bucketOf(window)
      if (bucket === undefined) continue
      const updates = versions.map(({ version, type, bits, suffix }) => {
        let name = `${window.name}_${suffix}`
        while (names.has(name)) name += '_'
        names.add(name)
        const { timeout } = bucket
        made.push({ name, type, elements: [], flags: ['dynamic', 'timeout'], size: window.size, timeout })
        return updateOf(name, version, bits, window, bucket)
      })
      this.#updates.set(window.name, updates)
    }
    this.sets = made
  }

  /**
   * The statements that stand for a window, one for each IP version that the others of its rule leave open; undefined if
   * there is no bucket for it. As a window does, they break the rule where there is no room; also where the set is full.
   */
  of(name: string, statements: readonly Statement[]): readonly SetUpdate[] | undefined {
    const asked = new Set(statements.flatMap(protocolsOf))
    const other = asked.has('ip') ? 'ip6' : asked.has('ip6') ? 'ip' : undefined
    return this.#updates.get(name)?.filter(({ element }) => ![...protocolsIn(element)].includes(other!))
  }
}

function updateOf(
  set: string,
  version: 'ip' | 'ip6',
  bits: number,
  window: Window,
  bucket: Bucket,
): SetUpdate {
  const prefix = version === 'ip' ? window.prefix4 : window.prefix6
  const address = field(version, 'saddr')
  const mask = ((1n << BigInt(prefix)) - 1n) << BigInt(bits - prefix)
  return {
    kind: 'set',
    operation: 'update',
    set,
    element: prefix === bits ? address : and(address, mask),
    statements: [bucket.limit],
  }
}

function protocolsOf(statement: Statement): string[] {
  return statement.kind === 'match' ? [...protocolsIn(statement.left)] : []
}

function* protocolsIn(expression: Parameters<typeof selectorsOf>[0]): Generator<string> {
  for (const selector of selectorsOf(expression)) if (isPayload(selector)) yield selector.protocol
}

function isPayload(selector: Selector): selector is Selector & { kind: 'payload' } {
  return selector.kind === 'payload'
}
