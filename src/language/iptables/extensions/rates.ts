/** Matches that count: recent, limit, hashlimit, quota, statistic. */
import type { HashlimitMatch, RateUnit, RecentMatch } from '../../../ruleset/xtables.js'
import { type MatchExtension, match, present, xtables } from './extension.js'
import { bitsOf, type Given, type GivenOption, lengthOf } from './given.js'

const flag = { words: 0 } as const
const invertedFlag = { words: 0, invert: true } as const

const OPERATIONS = ['set', 'rcheck', 'update', 'remove'] as const
/** XT_RECENT_NAME_LEN less its end. */
const LONGEST_LIST = 199
const MOST_HITS = 65_535

export const recent = match({
  options: {
    set: invertedFlag,
    rcheck: invertedFlag,
    update: invertedFlag,
    remove: invertedFlag,
    seconds: {},
    reap: flag,
    hitcount: {},
    rttl: flag,
    name: {},
    rsource: { ...flag, repeat: true },
    rdest: { ...flag, repeat: true },
    mask: {},
  },
  read(given, { family }) {
    const operation = given.needOne(...OPERATIONS)
    const seconds = given.option('seconds')
    const hitcount = given.option('hitcount')
    const checks = operation.name === 'rcheck' || operation.name === 'update'
    for (const name of ['seconds', 'hitcount', 'rttl', 'reap']) {
      const option = given.option(name)
      if (option !== undefined && !checks)
        given.reader.fail(
          option.span,
          `--${name} needs --rcheck or --update`,
          `--${operation.name} does not look at it`,
        )
    }
    const reap = given.option('reap')
    if (reap !== undefined && seconds === undefined) given.reader.fail(reap.span, '--reap needs --seconds')
    const mask = given.option('mask')
    const side = given.options.findLast(({ name }) => name === 'rsource' || name === 'rdest')
    const hits = hitcount === undefined ? 0 : given.number(hitcount, 0, MOST_HITS)
    const bits = mask && given.address(mask.words[0]!, mask.words[0]!.text, family)
    return {
      name: 'recent',
      list: listName(given, given.option('name')),
      operation: operation.name as RecentMatch['operation'],
      ...given.invert(operation),
      ...(seconds && { seconds: given.number(seconds, 1) }),
      ...(hits > 0 && { hitcount: hits }),
      ...(given.has('rttl') && { rttl: true as const }),
      ...(reap && { reap: true as const }),
      side: side?.name === 'rdest' ? 'destination' : 'source',
      ...(bits !== undefined && bits !== (1n << BigInt(bitsOf(family))) - 1n && { mask: bits }),
    }
  },
})

function listName(given: Given, option: GivenOption | undefined): string {
  if (option === undefined) return 'DEFAULT'
  const name = given.text(option, LONGEST_LIST)
  if (name === '' || name.includes('/'))
    given.reader.fail(option.words[0]!, 'the name of a list is the name of a file: not empty, and without /')
  return name
}

const UNITS = { second: 1, minute: 60, hour: 3600, day: 86_400 } as const
const UNIT_NAMES = Object.keys(UNITS) as RateUnit[]

/** RATE, RATE/s, RATE/min …: the unit may be written by its beginning. */
function rate(_given: Given, option: GivenOption): Rate | undefined {
  const [, number = '', unit] = /^(\d{1,10})(?:[kmg]?b?)(?:\/(.+))?$/i.exec(option.words[0]!.text) ?? []
  const per = unit === undefined ? 'second' : UNIT_NAMES.find((name) => name.startsWith(unit.toLowerCase()))
  if (per === undefined || Number(number) < 1) return undefined
  return { rate: Number(number), per }
}

/** As iptables computes in: ten-thousandths of a second. */
const LIMIT_SCALE = 10_000
const MOST_BURST = 10_000
const DEFAULT_BURST = 5

export const limit: MatchExtension = {
  options: { limit: {}, 'limit-burst': {} },
  read(given, { backend }) {
    const option = given.option('limit')
    const read = option === undefined ? { rate: 3, per: 'hour' as const } : rate(given, option)
    const word = option?.words[0]
    if (read === undefined || !/^\d+(\/|$)/.test(word?.text ?? '3'))
      return given.reader.fail(word!, `${word!.text} is no rate`, 'a rate is a number per time, as 3/minute')
    if (read.rate > UNITS[read.per] * LIMIT_SCALE)
      given.reader.fail(word!, `${word!.text} is too fast: ${LIMIT_SCALE} a second is the most`)
    const bursts = given.option('limit-burst')
    const burst = (bursts && given.number(bursts, 0, MOST_BURST)) || DEFAULT_BURST
    const shorter = inShortestUnit(read)
    if (backend === 'nft') return [{ kind: 'limit', ...shorter, burst, over: false }]
    return [xtables({ name: 'limit', ...(average(shorter) === average(read) ? shorter : read), burst })]
  },
}

interface Rate {
  readonly rate: number
  readonly per: RateUnit
}

/** Ten-thousandths of a second between two packets: what xtables keeps of a rate. */
const average = ({ rate, per }: Rate) => Math.floor((LIMIT_SCALE * UNITS[per]) / rate)

/** The rate that iptables prints, and that iptables-nft gives the kernel: in the shortest unit that loses little. */
function inShortestUnit(given: Rate): Rate {
  const spacing = average(given)
  const units = UNIT_NAMES.toReversed()
  let unit = units[0]!
  for (const next of units.slice(1)) {
    const span = LIMIT_SCALE * UNITS[next]
    if (spacing > span || Math.floor(span / spacing) < span % spacing) break
    unit = next
  }
  return { rate: Math.floor((LIMIT_SCALE * UNITS[unit]) / spacing), per: unit }
}

const MODES = { srcip: 'srcip', srcport: 'srcport', dstip: 'dstip', dstport: 'dstport' } as const
const MODE_ORDER: HashlimitMatch['mode'] = ['srcip', 'srcport', 'dstip', 'dstport']
const BYTE_UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }
const FASTEST = 1_000_000
const LONGEST_TABLE = 255
const invertible = { invert: true } as const

export const hashlimit = match({
  options: {
    'hashlimit-upto': invertible,
    'hashlimit-above': invertible,
    hashlimit: { same: 'hashlimit-upto', ...invertible },
    'hashlimit-name': {},
    'hashlimit-mode': {},
    'hashlimit-burst': {},
    'hashlimit-srcmask': {},
    'hashlimit-dstmask': {},
    'hashlimit-htable-size': {},
    'hashlimit-htable-max': {},
    'hashlimit-htable-expire': {},
    'hashlimit-htable-gcinterval': {},
    'hashlimit-rate-match': flag,
    'hashlimit-rate-interval': {},
  },
  read(given, { family }) {
    const option = given.needOne('hashlimit-upto', 'hashlimit-above')
    const table = given.text(given.need('hashlimit-name'), LONGEST_TABLE)
    if (table === '' || table.includes('/'))
      given.reader.fail(given.need('hashlimit-name').words[0]!, 'this is no name: not empty, and without /')
    const modes = given.option('hashlimit-mode')
    const named =
      modes === undefined ? [] : given.names(modes, MODES, 'mode: srcip, srcport, dstip or dstport')
    const mask = (name: string) => {
      const found = given.option(name)
      const word = found?.words[0]
      const length = word && lengthOf(given.mask(word, word.text, family), family)
      return length === bitsOf(family) ? undefined : length
    }
    const number = (name: string) => {
      const found = given.option(name)
      return found && given.number(found)
    }
    return present({
      name: 'hashlimit' as const,
      table,
      above: (option.name === 'hashlimit-above') !== option.inverted,
      ...hashRate(given, option),
      mode: MODE_ORDER.filter((mode) => named.includes(mode)),
      srcmask: mask('hashlimit-srcmask'),
      dstmask: mask('hashlimit-dstmask'),
      htableSize: number('hashlimit-htable-size'),
      htableMax: number('hashlimit-htable-max'),
      htableExpire: number('hashlimit-htable-expire'),
      htableGcInterval: other(number('hashlimit-htable-gcinterval'), GC_INTERVAL),
      rateMatch: given.has('hashlimit-rate-match') ? (true as const) : undefined,
      rateInterval: number('hashlimit-rate-interval'),
    })
  },
})

/** Milliseconds; what iptables does not print either. */
const GC_INTERVAL = 1000
const other = (number: number | undefined, usual: number) => (number === usual ? undefined : number)

/** Rate and burst: in bytes where the rate ends in b/s, else in packets. */
function hashRate(given: Given, option: GivenOption) {
  const word = option.words[0]!
  const burst = given.option('hashlimit-burst')
  const [, amount, unit] = /^(\d{1,10})([kmg]?)b\/s/i.exec(word.text) ?? []
  if (amount !== undefined && unit !== undefined) {
    const bytes = Number(amount) * BYTE_UNITS[unit.toLowerCase()]!
    if (bytes < 1 || bytes >= 2 ** 32)
      given.reader.fail(word, `${word.text} is out of range: below 4 GiB a second`)
    const limit = burst && byteBurst(given, burst, bytes)
    return { rate: bytes, per: 'second' as const, bytes: true as const, ...(limit && { burst: limit }) }
  }
  const read = rate(given, option)
  if (read === undefined)
    return given.reader.fail(word, `${word.text} is no rate`, 'a rate is as 5/minute or 512kb/s')
  if (read.rate > UNITS[read.per] * FASTEST)
    given.reader.fail(word, `${word.text} is too fast: ${FASTEST} a second is the most`)
  return { ...read, burst: burst === undefined ? DEFAULT_BURST : given.number(burst, 1, FASTEST) }
}

function byteBurst(given: Given, option: GivenOption, least: number): number {
  const word = option.words[0]!
  const [, amount, unit = ''] = /^(\d{1,10})([kmg]?)b?$/i.exec(word.text) ?? []
  if (amount === undefined) return given.reader.fail(word, `${word.text} is no number of bytes`)
  const bytes = Number(amount) * BYTE_UNITS[unit.toLowerCase()]!
  if (bytes < least || bytes >= 2 ** 32)
    given.reader.fail(
      word,
      `a burst of ${word.text} is out of range`,
      'it is at least what the rate gives in a second',
    )
  return bytes
}

export const quota = match({
  options: { quota: invertible },
  read(given) {
    const option = given.need('quota')
    const word = option.words[0]!
    return { name: 'quota', bytes: given.big(word, word.text, (1n << 64n) - 1n), ...given.invert(option) }
  },
})

export const statistic = match({
  options: { mode: {}, probability: invertible, every: invertible, packet: {} },
  read(given) {
    const mode = given.need('mode').words[0]!
    const kind = given.nameOf(
      mode,
      mode.text,
      { random: 'random', nth: 'nth' } as const,
      'mode: random or nth',
    )
    if (kind === 'random') {
      for (const name of ['every', 'packet']) {
        const option = given.option(name)
        if (option !== undefined) given.reader.fail(option.span, `--${name} does not go with the mode random`)
      }
      const option = given.need('probability')
      const word = option.words[0]!
      const chance = /^\d*\.?\d+(?:e[+-]?\d{1,3})?$/i.test(word.text) ? Number(word.text) : Number.NaN
      if (!(chance >= 0 && chance <= 1)) given.reader.fail(word, `${word.text} is no chance: 0 to 1`)
      return {
        name: 'statistic',
        mode: 'random',
        probability: Math.round(chance * 2 ** 31),
        ...given.invert(option),
      }
    }
    const wrong = given.option('probability')
    if (wrong !== undefined) given.reader.fail(wrong.span, '--probability does not go with the mode nth')
    const option = given.need('every')
    const every = given.number(option, 1)
    const packet = given.number(given.need('packet'), 0, every - 1)
    return { name: 'statistic', mode: 'nth', every, packet, ...given.invert(option) }
  },
})
