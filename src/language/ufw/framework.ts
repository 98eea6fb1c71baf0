/**
 * What ufw's start-up makes around the rules of its files: chains, the jumps between the built-in ones and its own, and
 * the chains that lead to a policy. Facts of ufw 0.36, checked against what the kernel holds after `ufw enable`.
 */

import type { Statement } from '../../ruleset/model.js'
import { is, meta, value } from '../../ruleset/nodes.js'
import { type IpFamily, xtables } from '../iptables/extensions/extension.js'
import { ChainState, type Firewall, type TableState } from '../iptables/firewall.js'

export type Policy = 'ACCEPT' | 'DROP' | 'REJECT'
export const DIRECTIONS = ['input', 'output', 'forward'] as const
export type Direction = (typeof DIRECTIONS)[number]
export type Policies = Readonly<Record<Direction, Policy>>

/** The beginning of the names of ufw's chains. */
export const prefixOf = (family: IpFamily) => (family === 'ip' ? 'ufw' : 'ufw6')

const POSITION = { file: 'ufw', line: 1, column: 1 }

/** ufw's chains in the table filter, and rules in them that stand in no file. */
export class UfwTable {
  readonly family: IpFamily
  readonly table: TableState
  readonly #prefix: string

  constructor(firewall: Firewall, family: IpFamily) {
    this.family = family
    this.table = firewall.table(family, 'filter', POSITION)
    this.#prefix = prefixOf(family)
  }

  chain(name: string): ChainState {
    const full = /^[A-Z]+$/.test(name) ? name : `${this.#prefix}-${name}`
    let chain = this.table.chains.get(full)
    if (chain === undefined) {
      chain = new ChainState(full, undefined, POSITION)
      this.table.chains.set(full, chain)
    }
    return chain
  }

  add(chain: string, ...statements: Statement[]): void {
    const last = statements.at(-1)!
    const rule = { statements: [...statements.slice(0, -1), { kind: 'counter' } as const, last] }
    this.chain(chain).rules.push({ rule, key: '' })
  }

  jump(from: string, to: string): void {
    this.add(from, { kind: 'jump', target: this.chain(to).name })
  }

  verdict(policy: Policy): Statement {
    if (policy !== 'REJECT') return { kind: policy === 'ACCEPT' ? 'accept' : 'drop' }
    return this.family === 'ip'
      ? { kind: 'reject', type: 'icmp', code: 3 }
      : { kind: 'reject', type: 'icmpv6', code: 4 }
  }
}

const PRIMARY = ['before-logging', 'before', 'after', 'after-logging', 'reject', 'track']
const TCP = 6
const UDP = 17

/** Before any file is read. */
export function beginUfw(ufw: UfwTable, policies: Policies): void {
  for (const step of PRIMARY) for (const way of DIRECTIONS) ufw.chain(`${step}-${way}`)
  for (const way of DIRECTIONS) for (const step of PRIMARY) ufw.jump(way.toUpperCase(), `${step}-${way}`)
  for (const way of DIRECTIONS) {
    const policy = policies[way]
    if (policy === 'REJECT') ufw.add(`reject-${way}`, ufw.verdict(policy))
    if (policy !== 'ACCEPT') continue
    for (const protocol of [TCP, UDP])
      ufw.add(`track-${way}`, is(meta('l4proto'), value(protocol)), inState('new'), { kind: 'accept' })
  }
  ufw.chain('logging-deny')
  ufw.chain('logging-allow')
  for (const way of DIRECTIONS) ufw.add(`skip-to-policy-${way}`, ufw.verdict(policies[way]))
}

/** Between ufw's own files and those of the user. */
export function beginUserRules(ufw: UfwTable): void {
  for (const way of DIRECTIONS) ufw.chain(`user-${way}`)
  for (const way of DIRECTIONS) ufw.chain(`user-logging-${way}`)
  ufw.chain('user-limit')
  ufw.chain('user-limit-accept')
}

/** Behind all files. */
export function endUfw(ufw: UfwTable, policies: Policies): void {
  for (const way of DIRECTIONS) ufw.jump(`before-${way}`, `user-${way}`)
  for (const way of DIRECTIONS)
    ufw.chain(way.toUpperCase()).policy = policies[way] === 'ACCEPT' ? 'accept' : 'drop'
}

/** What ufw sets up for IPv6 where that is switched off: loopback and nothing else. */
export function closeIpv6(firewall: Firewall): void {
  firewall.reset('ip6', 'filter')
  const ufw = new UfwTable(firewall, 'ip6')
  for (const way of DIRECTIONS) ufw.chain(way.toUpperCase()).policy = 'drop'
  ufw.add('INPUT', is(meta('iifname'), value('lo')), { kind: 'accept' })
  ufw.add('OUTPUT', is(meta('oifname'), value('lo')), { kind: 'accept' })
}

export const LOG_LEVELS = ['off', 'low', 'medium', 'high', 'full'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const limited: Statement = { kind: 'limit', rate: 3, per: 'minute', burst: 10, over: false }
const inState = (state: 'new' | 'invalid'): Statement =>
  xtables({ name: 'conntrack', states: { any: [state] } })
const log = (prefix: string): Statement => ({ kind: 'log', prefix: `[UFW ${prefix}] ` })

/** What ufw logs at a level: it makes these chains anew whenever it starts. */
export function logUfw(ufw: UfwTable, policies: Policies, level: LogLevel): void {
  const at = LOG_LEVELS.indexOf(level)
  const from = (name: LogLevel) => at >= LOG_LEVELS.indexOf(name)
  for (const way of DIRECTIONS) {
    for (const step of ['before-logging', 'after-logging']) ufw.chain(`${step}-${way}`).rules = []
    const own = ufw.chain(`user-logging-${way}`)
    own.rules = own.rules.filter(({ rule }) =>
      rule.statements.some(({ kind }) => kind !== 'return' && kind !== 'counter'),
    )
    if (level === 'off')
      own.rules.unshift({ rule: { statements: [{ kind: 'counter' }, { kind: 'return' }] }, key: '' })
  }
  ufw.chain('logging-deny').rules = []
  ufw.chain('logging-allow').rules = []
  const limit = ufw.chain('user-limit')
  limit.rules = limit.rules.filter(({ rule }) => rule.statements.at(-1)?.kind !== 'log')
  if (level === 'off') return
  const seldom = from('high') ? [] : [limited]
  for (const way of DIRECTIONS) {
    if (policies[way] !== 'ACCEPT') ufw.add(`after-logging-${way}`, ...seldom, log('BLOCK'))
    else if (from('medium')) ufw.add(`after-logging-${way}`, ...seldom, log('ALLOW'))
  }
  ufw.add('logging-allow', ...seldom, log('ALLOW'))
  if (from('medium')) ufw.add('logging-deny', inState('invalid'), ...seldom, log('AUDIT INVALID'))
  else ufw.add('logging-deny', inState('invalid'), ...seldom, { kind: 'return' })
  ufw.add('logging-deny', ...seldom, log('BLOCK'))
  if (from('medium')) {
    const all = from('full') ? [] : [...(from('high') ? [] : [inState('new')]), limited]
    for (const way of DIRECTIONS) ufw.add(`before-logging-${way}`, ...all, log('AUDIT'))
  }
  const blocked = { kind: 'limit', rate: 3, per: 'minute', burst: 5, over: false } as const
  limit.rules.unshift({ rule: { statements: [blocked, { kind: 'counter' }, log('LIMIT BLOCK')] }, key: '' })
}
