/** Rules over so few values that all packets that may be told apart can be tried. */
import fc from 'fast-check'
import { CtState, Hook, Packet } from '../../../src/packet/packet.js'
import { buildPacket } from '../../support/packets.js'

export const NAMES = ['', 'eth0', 'eth1'] as const

const MATCHES: readonly string[] = [
  'ip saddr 10.0.0.0/31',
  'ip saddr 10.0.0.2/31',
  'ip saddr 10.0.0.1-10.0.0.2',
  'ip saddr != 10.0.0.1',
  'ip saddr { 10.0.0.0, 10.0.0.3 }',
  'ip saddr @some',
  'ip saddr & 0.0.0.1 == 0.0.0.1',
  'tcp dport 1',
  'tcp dport 1-2',
  'tcp dport != 2',
  'tcp dport { 0, 2 }',
  'tcp dport >= 2',
  'udp dport 1',
  'udp dport @ports',
  'th dport 2',
  'tcp sport 1',
  'th sport != 1',
  'ip saddr . tcp dport { 10.0.0.1 . 1, 10.0.0.2-10.0.0.3 . 2-3 }',
  'meta l4proto tcp',
  'meta l4proto { tcp, udp }',
  'ip protocol != udp',
  'icmp type echo-request',
  'iifname "eth0"',
  'iifname "eth*"',
  'iifname != "eth1"',
  'ct state established',
  'ct state { new, established }',
  'ct state != invalid',
  'meta mark 0',
  'meta mark & 0x3 == 0x1',
  'tcp flags & (syn | ack) == syn',
  'tcp flags syn',
]
const STATEMENTS: readonly string[] = [
  'meta mark set 0x1',
  'meta mark set meta mark | 0x2',
  'meta mark set ip saddr map { 10.0.0.1 : 0x1, 10.0.0.2 : 0x2 }',
  'counter',
  'notrack',
]
const ENDS: readonly string[] = ['accept', 'drop', 'reject', 'return', 'jump one', 'goto two', '']
const MAPS: readonly string[] = [
  'tcp dport vmap { 1 : accept, 2-3 : drop }',
  'ip saddr vmap { 10.0.0.1 : jump one, 10.0.0.2 : continue, 10.0.0.3 : return }',
  'ct state vmap { established : accept, invalid : drop }',
]

/** A rule that asks for two protocols is refused when it is read. */
function ofOneProtocol(matches: readonly string[]): string[] {
  const protocolOf = (match: string) => /\b(?:tcp|udp|icmp)\b/.exec(match)?.[0]
  const first = matches.map(protocolOf).find((protocol) => protocol !== undefined)
  return matches.filter((match) => [undefined, first].includes(protocolOf(match)))
}

const rule: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .tuple(
        fc.array(fc.constantFrom(...MATCHES), { maxLength: 3 }),
        fc.array(fc.constantFrom(...STATEMENTS), { maxLength: 1 }),
        fc.constantFrom(...ENDS),
      )
      .map(
        ([matches, statements, end]) =>
          [...ofOneProtocol(matches), ...statements, end].join(' ').trim() || 'counter',
      ),
  },
  { weight: 1, arbitrary: fc.constantFrom(...MAPS) },
)

export interface Rules {
  readonly base: readonly string[]
  readonly one: readonly string[]
  readonly two: readonly string[]
  readonly policy: string
}

/** Chain one may go on to two, and two nowhere. */
const inner = (rules: readonly string[]) =>
  rules.map((text) => text.replace(/(jump|goto) (one|two)/, 'accept'))

export const rules: fc.Arbitrary<Rules> = fc
  .tuple(
    fc.array(rule, { minLength: 1, maxLength: 7 }),
    fc.array(rule, { maxLength: 3 }),
    fc.array(rule, { maxLength: 3 }),
    fc.constantFrom('accept', 'drop'),
  )
  .map(([base, one, two, policy]) => ({ base, one: inner(one), two: inner(two), policy }))

export function textOf({ base, one, two, policy }: Rules): string {
  const chain = (name: string, lines: readonly string[], head = '') =>
    `chain ${name} {\n${[head, ...lines].join('\n')}\n}\n`
  const sets =
    'set some { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }; }\nset ports { type inet_service; elements = { 1, 3 }; }\n'
  const hook = `type filter hook input priority 0; policy ${policy};`
  return `table ip t {\n${sets}${chain('two', two)}${chain('one', one)}${chain('base', base, hook)}}\n`
}

/** Rules with one small change: a rule taken away, two in the other order, a number one more, a prefix one bit longer. */
export const mutation: fc.Arbitrary<(rules: Rules) => Rules> = fc
  .tuple(fc.constantFrom('remove', 'swap', 'number', 'prefix', 'verdict'), fc.nat())
  .map(([kind, at]) => (old: Rules): Rules => {
    const base = [...old.base]
    const place = at % base.length
    const rule = base[place]!
    const next = (place + 1) % base.length
    switch (kind) {
      case 'remove':
        base.splice(place, 1)
        break
      case 'swap':
        ;[base[place], base[next]] = [base[next]!, rule]
        break
      case 'number':
        base[place] = rule.replace(
          /(port|mark set 0x|== 0x)( ?)(\d)/,
          (_, word, space, n) => `${word}${space}${Number(n) + 1}`,
        )
        break
      case 'prefix':
        base[place] = rule.replace('/31', '/32')
        break
      default:
        base[place] = rule.replace(/accept$|drop$/, (end) => (end === 'drop' ? 'accept' : 'drop'))
    }
    return { ...old, base }
  })

/** One packet of each kind that the rules may tell from others. */
export function* packets(): Generator<Packet> {
  for (const source of ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '11.0.0.1'])
    for (const protocol of [6, 17, 1, 47])
      for (const payload of payloads(protocol))
        for (const ctState of [CtState.new, CtState.established, CtState.invalid])
          for (const iif of [1, 2])
            for (const mark of protocol === 6 ? [0, 1] : [0]) {
              const bytes = buildPacket({ source, destination: '192.0.2.1', protocol, payload })
              const packet = new Packet()
              packet.attach(bytes)
              packet.parse(0, bytes.length)
              yield Object.assign(packet, { hook: Hook.input, iif, oif: 0, ctState, mark })
            }
}

function* payloads(protocol: number): Generator<Uint8Array> {
  for (const length of protocol === 6 ? [0, 1, 2, 4] : [0, 2])
    yield Uint8Array.from([0, 1, 0, 1].slice(0, length))
  if (protocol === 1) yield Uint8Array.from([8, 0, 0, 0, 0, 0, 0, 0])
  const flags = protocol === 6 ? [0x02, 0x12, 0x10] : [0]
  for (const sport of [1, 2])
    for (const dport of protocol === 47 ? [2] : [0, 1, 2, 3, 4])
      for (const flag of flags) {
        const bytes = new Uint8Array(20)
        const view = new DataView(bytes.buffer)
        view.setUint16(0, sport)
        view.setUint16(2, dport)
        view.setUint8(12, 0x50)
        view.setUint8(13, flag)
        yield bytes
      }
}
