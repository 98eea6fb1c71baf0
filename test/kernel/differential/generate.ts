/** Cases out of nothing but a seed. */
import fc from 'fast-check'
import { printRuleset } from '../../../src/language/nft/print/ruleset.js'
import { Random } from '../../support/conversations/random.js'
import { conversations, judgeLine } from '../../support/conversations.js'
import { packets } from '../../support/language/packets.js'
import { rulesets } from '../../support/language/rulesets.js'
import { EVERYTHING, type Knows } from '../../support/language/selectors.js'
import { ADDRESSES4, ADDRESSES6, PORTS } from '../../support/language/values.js'
import { type Case, INTERFACES, type Line } from './case.js'
import { iptablesRules } from './iptables.js'

/** What nft 1.0.6 and the kernel can be asked such that the answer is the same each time. */
export const FOR_THE_KERNEL: Knows = {
  ...EVERYTHING,
  windows: false,
  random: false,
  newer: false,
  timing: false,
}

/** A hash of the very nanosecond, or one whose seed nft makes up, is another one each time. */
export const UNREPEATABLE = /\bjhash\b[^\n]*?(?:\bmeta time\b|mod \d+(?! seed))/

/** nft 1.0.6 misreads a reject behind a set of families, and gives the packet the code of another one. */
export const MISREAD = /\bnfproto\b[^\n]*\breject\b/

const FEWEST = 20
const MOST = 160
/** How often what comes next is sent by the host, and how often the clock is waited for. */
const SENT = 0.2
const WAITS = 0.02
/** How many rulesets have limits and timeouts that come to something within their packets. */
const TIMED = 0.25
/** How many rulesets are of iptables. */
const IPTABLES = 0.3

/** The case of a number among those of a seed. */
export function caseOf(seed: number, number: number, judge: Knows): Case {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b))
  const name = `seed ${seed}, case ${number}`
  if (random.chance(IPTABLES)) return iptablesCase(name, random)
  const knows = { ...judge, timing: judge.timing && random.chance(TIMED) }
  return { name, loader: 'nft', rules: rulesOf(random, knows), lines: linesOf(random, knows.timing) }
}

/** The same of rulesets of iptables that are to be imported: nothing in them depends on the moment, and no header is cut short. */
export function importCaseOf(seed: number, number: number): Case {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b))
  const one = iptablesCase(`seed ${seed}, import ${number}`, random)
  const rules = one.rules.split('\n').filter((line) => !MOMENTARY.test(line))
  const count = FEWEST + random.below(MOST - FEWEST)
  const lines = (random.chance(0.5) ? talk(random, count) : noise(random, count, false)).filter(isWhole)
  return { ...one, rules: rules.join('\n'), lines, imports: true }
}

/**
 * Whether a packet is longer than any header that matches look at, and no later fragment: what is cut short xtables drops
 * and nft does not, and in later fragments nft finds ports where xtables does not look for them.
 */
function isWhole(line: Line): boolean {
  const [, , hex = ''] = line.split(' ')
  if (!hex.startsWith('4')) return hex.length >= 2 * (40 + 20) && hex.slice(12, 14) !== '2c'
  return hex.length >= 2 * (20 + 20) && (Number.parseInt(hex.slice(12, 16), 16) & 0x1fff) === 0
}

/** Matches that count time: the two rulesets are not loaded at the same moment. */
const MOMENTARY = /-m (?:limit|time)/

function iptablesCase(name: string, random: Random): Case {
  const family = random.pick(['ip', 'ip', 'ip6'] as const)
  const backend = random.pick(['nft', 'legacy'] as const)
  const [rules] = fc.sample(iptablesRules(family), { seed: random.word() | 0, numRuns: 1 })
  return {
    name,
    loader: `${family}tables-${backend}-restore`,
    rules: rules!,
    lines: linesOf(random, true),
  }
}

function rulesOf(random: Random, knows: Knows): string {
  for (;;) {
    const [ruleset] = fc.sample(rulesets({ knows }), { seed: random.word() | 0, numRuns: 1 })
    const rules = printRuleset(ruleset!)
    if (!UNREPEATABLE.test(rules) && !MISREAD.test(rules)) return rules
  }
}

function linesOf(random: Random, timing: boolean): Line[] {
  const count = FEWEST + random.below(MOST - FEWEST)
  const lines = random.chance(0.5) ? talk(random, count) : noise(random, count)
  return timing
    ? lines.flatMap((line) => (random.chance(WAITS) ? [`W ${random.below(300)}`, line] : [line]))
    : lines
}

/** Whole conversations, with the ports that rules are about. */
function talk(random: Random, count: number): Line[] {
  return conversations({
    seed: random.word(),
    packets: count,
    mode: random.chance(0.5) ? 'local' : 'forward',
    serverPorts: [22, 80, 443, 11434],
    clientPorts: [...PORTS.filter((port) => port >= 1024), 40000],
  }).map(judgeLine)
}

/** Packets that have nothing to do with each other. */
function noise(random: Random, count: number, broken = true): Line[] {
  const addresses = [...ADDRESSES4, ...ADDRESSES6]
  const some = packets({ sources: addresses, destinations: addresses, broken, fragments: broken })
  return fc.sample(some, { seed: random.word() | 0, numRuns: count }).map((bytes) => {
    const isSent = random.chance(SENT) && isSendable(bytes)
    // The kernel makes up an identification where there is none.
    if (isSent && bytes[0]! >> 4 === 4 && bytes[4] === 0 && bytes[5] === 0) bytes[5] = 1
    return `${isSent ? 'O -' : `I ${random.pick(INTERFACES)}`} ${Buffer.from(bytes).toString('hex')}`
  })
}

/** Raw sockets send what has no proper header or another length than it says, but hooks cannot make sense of it. */
function isSendable(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes[0]! >> 4 === 4) return (bytes[0]! & 15) >= 5
  return bytes[0]! >> 4 === 6 && bytes.length >= 40 && view.getUint16(4) === bytes.length - 40
}
