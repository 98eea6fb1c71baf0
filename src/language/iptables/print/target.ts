import type { Expression, Log, Mangle, Queue, Statement } from '../../../ruleset/model.js'
import { LEVEL_NAMES, LOG_FLAGS, REJECTS } from '../extensions/targets.js'
import { flag, hex, type IpFamily, option, rangeText } from './words.js'

const ALL = 0xffffffffn

/** The words of a target, `-j` and all; undefined if iptables has none for the statement. */
export function printTarget(statement: Statement, family: IpFamily): string[] | undefined {
  switch (statement.kind) {
    case 'accept':
    case 'drop':
    case 'return':
      return ['-j', statement.kind.toUpperCase()]
    case 'jump':
      return ['-j', statement.target]
    case 'goto':
      return ['-g', statement.target]
    case 'reject': {
      const code = statement.type === 'tcp reset' ? -1 : statement.code
      const row = statement.type === 'icmpx' ? undefined : REJECTS[family].find((each) => each[2] === code)
      return row && ['-j', 'REJECT', '--reject-with', row[0]]
    }
    case 'log':
      return log(statement)
    case 'notrack':
      return ['-j', 'NOTRACK']
    case 'queue':
      return queue(statement)
    case 'mangle':
      return mark(statement)
    case 'xtables target':
      return ['-j', statement.target, ...statement.options]
    default:
      return undefined
  }
}

function log({ prefix, level, group, snaplen, queueThreshold, flags = [] }: Log): string[] {
  if (level === 'audit') return ['-j', 'AUDIT', '--type', 'drop']
  if (group !== undefined)
    return [
      ...['-j', 'NFLOG'],
      ...option('nflog-prefix', prefix),
      ...option('nflog-group', group === 0 ? undefined : group),
      ...option('nflog-size', snaplen),
      ...option('nflog-threshold', queueThreshold),
    ]
  const number = level === undefined ? undefined : LEVEL_NAMES.indexOf(level as 'info')
  return [
    ...['-j', 'LOG'],
    ...option('log-prefix', prefix),
    ...option('log-level', number),
    ...Object.entries(LOG_FLAGS).flatMap(([name, known]) =>
      flag(name, flags.includes(known) || flags.includes('all')),
    ),
  ]
}

function queue({ target, flags }: Queue): string[] | undefined {
  if (target !== undefined && target.kind !== 'value' && target.kind !== 'range') return undefined
  return [
    ...['-j', 'NFQUEUE'],
    ...(target?.kind === 'range'
      ? option('queue-balance', rangeText(target))
      : option('queue-num', target === undefined ? 0 : target.value)),
    ...flag('queue-bypass', flags.includes('bypass')),
    ...flag('queue-cpu-fanout', flags.includes('fanout')),
  ]
}

function mark({ key, value }: Mangle): string[] | undefined {
  if (key.kind !== 'meta' && key.kind !== 'ct') return undefined
  if (key.key !== 'mark') return undefined
  const own = key.kind
  const parts = partsOf(value)
  const target = own === 'meta' ? 'MARK' : 'CONNMARK'
  const base = parts?.find(({ from }) => from === own)
  const other = parts?.find(({ from }) => from !== own && from !== 'value')
  const bits = parts?.find(({ from }) => from === 'value')?.mask ?? 0n
  if (parts === undefined) return undefined
  const mask = ALL & ~(base?.mask ?? 0n)
  if (other === undefined) return ['-j', target, '--set-xmark', `${hex(bits)}/${hex(mask)}`]
  if (bits !== 0n) return undefined
  const masks = own === 'ct' ? { nf: other.mask, ct: mask } : { nf: mask, ct: other.mask }
  return [
    ...['-j', 'CONNMARK', own === 'ct' ? '--save-mark' : '--restore-mark'],
    ...['--nfmask', hex(masks.nf), '--ctmask', hex(masks.ct)],
  ]
}

interface Part {
  readonly from: 'meta' | 'ct' | 'value'
  readonly mask: bigint
}

/** A value as bits of marks and of constants, joined by | or ^; undefined if it is more than that. */
function partsOf(value: Expression): Part[] | undefined {
  if (value.kind === 'value')
    return typeof value.value === 'bigint' ? [{ from: 'value', mask: value.value }] : undefined
  if ((value.kind === 'meta' || value.kind === 'ct') && value.key === 'mark')
    return [{ from: value.kind, mask: ALL }]
  if (value.kind !== 'binary') return undefined
  const left = partsOf(value.left)
  const right = partsOf(value.right)
  if (left === undefined || right === undefined) return undefined
  if (value.operator !== '&') return [...left, ...right]
  const [mask] = right
  return mask?.from === 'value' ? left.map((part) => ({ ...part, mask: part.mask & mask.mask })) : undefined
}
