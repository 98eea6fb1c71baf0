import type { Prefix } from '../../packet/address.js'
import type { Position } from '../../ruleset/model.js'
import type { Closed } from './actions.js'
import type { FilterOption } from './filter.js'
import type { Jail } from './jail.js'
import { Traced } from './traced.js'

/** A text of one line, and where it stands. */
export interface Located {
  readonly text: string
  readonly position: Position
}

/** A jail that is written elsewhere than in fail2ban's files, as plain data. Times are milliseconds. */
export interface WrittenJail {
  readonly name: string
  readonly position: Position
  /** Paths, or patterns of paths. */
  readonly logs: readonly Located[]
  readonly failregex: readonly Located[]
  readonly ignoreregex: readonly Located[]
  readonly maxRetry: number
  readonly findTime: number
  /** Infinity is for good. */
  readonly banTime: number
  readonly ignored: readonly Prefix[]
  readonly closed: Closed
  /** Bits of an IPv6 address that count as one source, and are banned. */
  readonly ipv6: number
  readonly dryRun: boolean
}

export function jailOf(written: WrittenJail): Jail {
  const { name, position, logs, failregex, ignoreregex, ignored, ...counting } = written
  const options = new Map<FilterOption, Traced>([['failregex', lines(failregex)]])
  if (ignoreregex.length > 0) options.set('ignoreregex', lines(ignoreregex))
  return {
    name,
    position,
    filter: { name, options },
    logs: logs.map((log) => ({ pattern: log.text, tail: false, position: log.position })),
    journal: undefined,
    increment: undefined,
    ignored: { prefixes: ignored, names: [], self: true },
    useDns: 'no',
    encoding: 'utf-8',
    zone: undefined,
    counting: 'exact',
    ...counting,
  }
}

function lines(located: readonly Located[]): Traced {
  return Traced.join(
    located.map(({ text, position }) => Traced.at(text, position)),
    '\n',
  )
}
