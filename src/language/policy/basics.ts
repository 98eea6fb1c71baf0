/** What every policy holds beside its own rules, so that the network works at all. */
import { CtState } from '../../packet/packet.js'
import type { Match, Position, Rule, Selector, Statement } from '../../ruleset/model.js'
import { ICMP_TYPES, ICMPV6_TYPES } from '../../ruleset/symbols/messages.js'
import type { Also } from './schema.js'

type Direction = 'inbound' | 'outbound'

export const select = {
  iifname: { kind: 'meta', key: 'iifname' },
  oifname: { kind: 'meta', key: 'oifname' },
  l4proto: { kind: 'meta', key: 'l4proto' },
  ctState: { kind: 'ct', key: 'state' },
  field: (protocol: string, field: string): Selector => ({ kind: 'payload', protocol, field }),
} as const satisfies Record<string, Selector | ((...names: string[]) => Selector)>

export function equals(left: Selector, ...values: readonly (number | bigint | string)[]): Match {
  const elements = values.map((value) => ({
    kind: 'value' as const,
    value: typeof value === 'number' ? BigInt(value) : value,
  }))
  const right = elements.length === 1 ? elements[0]! : { kind: 'set' as const, elements }
  return { kind: 'match', operator: 'in', left, right }
}

export const isNew = equals(select.ctState, CtState.new)
const accept: Statement = { kind: 'accept' }
const drop: Statement = { kind: 'drop' }
const counter: Statement = { kind: 'counter' }

function rule(comment: string, ...statements: Statement[]): Rule {
  return { comment, statements }
}

const icmpType = (...types: readonly number[]) => equals(select.field('icmp', 'type'), ...types)
const icmpv6Type = (...types: readonly number[]) => equals(select.field('icmpv6', 'type'), ...types)
const flags = (...states: readonly number[]): Match => ({
  kind: 'match',
  operator: 'in',
  left: select.ctState,
  right: { kind: 'flags', bits: BigInt(states.reduce((bits, state) => bits | state, 0)) },
})

/**
 * The rules at the head of a direction: loopback, connections that live, neighbour discovery and multicast
 * listeners (RFC 4890 §4.4.1; both only from a neighbour: hop limit 255 or 1), and the errors without which
 * path MTU discovery fails (RFC 4890 §4.4.1, RFC 1191).
 */
export function basics(direction: Direction): Rule[] {
  const inbound = direction === 'inbound'
  const t6 = ICMPV6_TYPES
  const t4 = ICMP_TYPES
  const neighbours = [
    t6['nd-neighbor-solicit'],
    t6['nd-neighbor-advert'],
    inbound ? t6['nd-router-advert'] : t6['nd-router-solicit'],
  ]
  const listeners = inbound
    ? [t6['mld-listener-query']]
    : [t6['mld-listener-report'], t6['mld-listener-done'], t6['mld2-listener-report']]
  const hopLimit = (value: number) => equals(select.field('ip6', 'hoplimit'), value)
  return [
    rule('loopback', equals(inbound ? select.iifname : select.oifname, 'lo'), accept),
    rule('connections that live', flags(CtState.established, CtState.related), accept),
    rule('invalid', equals(select.ctState, CtState.invalid), counter, drop),
    rule('neighbour discovery', icmpv6Type(...neighbours), hopLimit(255), accept),
    rule('multicast listeners', icmpv6Type(...listeners), hopLimit(1), accept),
    rule(
      'ICMP errors, path MTU',
      icmpType(t4['destination-unreachable'], t4['time-exceeded'], t4['parameter-problem']),
      accept,
    ),
    rule(
      'ICMPv6 errors, path MTU',
      icmpv6Type(
        t6['destination-unreachable'],
        t6['packet-too-big'],
        t6['time-exceeded'],
        t6['parameter-problem'],
      ),
      accept,
    ),
  ]
}

const port = (protocol: string, field: 'sport' | 'dport', value: number) =>
  equals(select.field(protocol, field), value)

/** fe80::/10, where DHCPv6 servers answer from and are asked at, and the group they listen to (RFC 8415 §7.1). */
const LINK_LOCAL = { kind: 'prefix' as const, base: 0xfe80n << 112n, length: 10 }
const DHCPV6_SERVERS = { kind: 'value' as const, value: (0xff02n << 112n) | 0x10002n }

/** The rules of a word under `also`. */
export function alsoRules(also: Also, direction: Direction, position: Position): Rule[] {
  const inbound = direction === 'inbound'
  const at = (...statements: Statement[]): Rule => ({
    comment: also,
    position,
    statements: [...statements, counter, accept],
  })
  switch (also) {
    case 'dhcp': {
      const address: Match = {
        kind: 'match',
        operator: 'in',
        left: select.field('ip6', inbound ? 'saddr' : 'daddr'),
        right: inbound ? LINK_LOCAL : { kind: 'set', elements: [LINK_LOCAL, DHCPV6_SERVERS] },
      }
      const [here, there] = inbound ? (['dport', 'sport'] as const) : (['sport', 'dport'] as const)
      return [
        at(port('udp', here, 68), port('udp', there, 67)),
        at(port('udp', here, 546), port('udp', there, 547), address),
      ]
    }
    case 'dns':
      return inbound ? [] : [at(port('udp', 'dport', 53), isNew), at(port('tcp', 'dport', 53), isNew)]
    case 'ping':
      return inbound
        ? [
            at(icmpType(ICMP_TYPES['echo-request']), isNew),
            at(icmpv6Type(ICMPV6_TYPES['echo-request']), isNew),
          ]
        : []
  }
}
