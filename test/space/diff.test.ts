import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Header,
  type ListRule,
  makeList,
  packetsOf,
  SEED_NAMES,
  SIZE,
  toNft,
} from '../../bench/classbench.js'
import { parseNft } from '../../src/language/nft/load.js'
import { CtState, Packet } from '../../src/packet/packet.js'
import type { Ruleset } from '../../src/ruleset/model.js'
import { type Change, diff } from '../../src/space/diff.js'
import { packetOf } from '../../src/space/example.js'
import { engineOf, judges } from './support/judges.js'
import { mutation, NAMES, packets, rules, textOf } from './support/rules.js'

const DOMAIN = [...packets()]

/** Whether a packet that the rules may tell from others is judged otherwise, tried one by one. */
function differs(old: Ruleset, fresh: Ruleset): boolean {
  const [before, after] = [engineOf(old, NAMES), engineOf(fresh, NAMES)]
  return DOMAIN.some((packet) => {
    const [a, b] = [before(packet), after(packet)]
    return a.accepted !== b.accepted || a.mark !== b.mark
  })
}

/** Both evaluators say of the example what the change says. */
function confirm({ example, from, to }: Change, old: Ruleset, fresh: Ruleset): void {
  const names = ['', ...new Set([example.iifname, example.oifname])]
  const packet = packetOf(example, (name) => names.indexOf(name))
  expect(judges(old, names)(packet).accepted, `${example.text} in OLD`).toBe(from.startsWith('accept'))
  expect(judges(fresh, names)(packet).accepted, `${example.text} in NEW`).toBe(to.startsWith('accept'))
}

const inet = (lines: string, policy = 'drop') =>
  parseNft(
    `table inet t {\nchain c {\ntype filter hook input priority 0; policy ${policy};\n${lines}\n}\n}\n`,
    'r.nft',
  )

const told = (old: string, fresh: string, policy?: string) =>
  diff(inet(old, policy), inet(fresh, policy)).changes.map(
    ({ packets, from, to, families }) => `${families.join()} ${packets}: ${from} → ${to}`,
  )

describe('which packets are judged otherwise', () => {
  test('rules with a small change: just as trying all packets says, and the examples are judged so', () => {
    let equal = 0
    fc.assert(
      fc.property(rules, mutation, (first, mutate) => {
        const old = parseNft(textOf(first), 'old.nft')
        const fresh = parseNft(textOf(mutate(first)), 'new.nft')
        const { changes } = diff(old, fresh)
        expect(
          changes.some(({ from, to }) => !/^(drop|reject)/.test(from) || !/^(drop|reject)/.test(to)),
        ).toBe(differs(old, fresh))
        for (const change of changes) confirm(change, old, fresh)
        if (changes.length === 0) equal++
      }),
      { numRuns: 100, seed: 20261122 },
    )
    expect(equal).toBeGreaterThan(10)
    expect(equal).toBeLessThan(90)
  }, 60_000)

  test('however they are written, equal rules are', () => {
    expect(told('tcp dport { 22, 80 } accept', 'tcp dport 80 accept\ntcp dport 22 accept')).toEqual([])
    expect(told('tcp dport 22 jump x\n}\nchain x {\naccept', 'tcp dport 22 accept')).toEqual([])
    expect(
      told('ip saddr 10.0.0.0/8 drop\naccept', 'ip saddr != 10.0.0.0/8 accept\nmeta nfproto ipv6 accept'),
    ).toEqual([])
    expect(
      told('tcp dport 22 limit rate 5/minute accept', 'tcp dport 22 limit rate 5/minute accept\ndrop'),
    ).toEqual([])
    expect(told('meta mark set 0x1\nmeta mark 0x1 accept', 'meta mark set 0x1 accept')).toEqual([])
    expect(told('tcp dport vmap { 22 : accept, 80 : drop }', 'tcp dport 22 accept', 'drop')).toEqual([])
    expect(
      told('ct state established,related accept', 'ct state vmap { established : accept, related : accept }'),
    ).toEqual([])
  })

  test('a change is told in few lines', () => {
    expect(told('tcp dport 22 accept', 'tcp dport { 22, 80 } accept')).toEqual([
      'ip,ip6 tcp to port 80: drop → accept',
    ])
    expect(told('ip saddr 10.0.0.0/8 accept', 'ip saddr 10.0.0.0/9 accept')).toEqual([
      'ip any packet from 10.128.0.0/9: accept → drop',
    ])
    expect(told('ip saddr 10.0.0.0/16 drop\nip daddr 10.0.0.1 tcp dport 22 accept', '')).toEqual([
      'ip tcp from anywhere but 10.0.0.0/16 to 10.0.0.1 port 22: accept → drop',
    ])
    expect(told('ip saddr 10.0.0.5 accept', 'ip saddr 10.0.0.0/16 accept')).toEqual([
      'ip any packet from 10.0.0.0/16 but 10.0.0.5: drop → accept',
    ])
    expect(told('icmp type echo-request accept', '')).toEqual(['ip icmp type 8: accept → drop'])
    expect(told('iifname "eth*" accept', 'iifname != "lo" accept')).toEqual([
      'ip,ip6 any packet in any interface but eth*, lo: drop → accept',
    ])
    expect(told('accept', 'reject with icmpx host-unreachable')).toEqual([
      'ip any packet: accept → reject with icmp host-unreachable',
      'ip6 any packet: accept → reject with icmpv6 addr-unreachable',
    ])
    expect(told('tcp dport 22 accept', 'tcp dport 22 meta mark set 0x1 accept')).toEqual([
      'ip,ip6 tcp to port 22, mark other than 0x1: accept, mark as it was → accept, mark 0x1',
    ])
    expect(told('tcp dport 0-65535 accept', 'meta l4proto tcp accept')).toEqual([
      'ip,ip6 tcp cut short: drop → accept',
    ])
  })

  test('what has a state is compared as such', () => {
    const limited = (rate: number) => inet(`tcp dport 22 limit rate ${rate}/minute accept`)
    const { changes, stateful } = diff(limited(5), inet('tcp dport 22 accept'))
    expect(changes).toMatchObject([
      {
        packets: 'tcp to port 22, if limit does not hold',
        from: 'drop',
        to: 'accept',
        families: ['ip', 'ip6'],
      },
    ])
    expect(changes[0]!.example.assumes).toMatchObject([
      { statement: { kind: 'limit', rate: 5 }, holds: false },
    ])
    expect(stateful).toMatchObject([{ kind: 'limit' }])
    expect(diff(limited(5), limited(6)).changes).toHaveLength(2)
    // Two looks at the same draw of numbers are two draws.
    expect(
      told(
        'numgen random mod 2 == 0 accept\nnumgen random mod 2 == 0 accept',
        'numgen random mod 2 == 0 accept',
      ),
    ).toHaveLength(1)
    expect(told('limit rate 1/second\nlimit rate 1/second accept', 'limit rate 1/second accept')).not.toEqual(
      [],
    )
  })

  test('a set that packets fill is asked again behind an update', () => {
    const seen = (lines: string) =>
      inet(
        `}\nset seen { type ipv4_addr; flags dynamic; }\nchain d {\ntype filter hook output priority 0;\n${lines}`,
      )
    expect(diff(seen('ip saddr @seen drop'), seen('ip saddr @seen drop')).changes).toEqual([])
    const [first] = diff(
      seen('ip saddr @seen drop\nadd @seen { ip saddr }'),
      seen('add @seen { ip saddr }\nip saddr @seen drop'),
    ).changes
    expect(first).toBeDefined()
  })

  test('who decides on both sides is told, with its place', () => {
    const [change] = diff(
      inet('tcp dport 22 accept\ntcp dport 80 drop'),
      inet('tcp dport { 22, 80 } accept'),
    ).changes
    expect(change).toMatchObject({ old: { position: { line: 5 } }, new: { position: { line: 4 } } })
    const [other] = diff(inet('tcp dport 22 accept'), inet('', 'accept')).changes
    expect(other!.old.rule).toBeUndefined()
    expect(other!.old.chain!.name).toBe('c')
  })

  test('more changes than are told end in others', () => {
    const lines = (by: number) =>
      Array.from({ length: 20 }, (_, i) => `ip saddr 10.0.${i}.1 tcp dport ${i + by} accept`)
    const { changes } = diff(inet(lines(100).join('\n')), inet(lines(200).join('\n')), { lines: 3 })
    expect(changes.map(({ packets }) => packets === undefined)).toEqual([
      false,
      false,
      false,
      true,
      false,
      false,
      false,
      true,
    ])
  })

  test('a ruleset that cannot be judged is refused', () => {
    expect(() => diff(inet('queue'), inet(''))).toThrow('queue')
  })
})

describe.each(SEED_NAMES)('long lists, %s', (seed) => {
  test('one rule less among 300 is found, or makes no difference', () => {
    const { rules: list } = makeList(seed, 300, 1)
    const old = parseNft(toNft(list), 'old.nft')
    const place = 150
    const fresh = parseNft(toNft(list.toSpliced(place, 1)), 'new.nft')
    const { changes } = diff(old, fresh)
    for (const change of changes) {
      confirm(change, old, fresh)
      expect(change.old.rule).toBe(old.tables[0]!.chains[0]!.rules[place])
    }
    const before = engineOf(old, NAMES)
    const after = engineOf(fresh, NAMES)
    const packet = new Packet()
    const trace = aimedAt(list[place]!)
    const bytes = packetsOf(trace)
    packet.attach(bytes)
    const isOther = trace.some((_, i) => {
      packet.parse(i * SIZE, SIZE)
      packet.ctState = CtState.new
      return before(packet).accepted !== after(packet).accepted
    })
    if (changes.length === 0) expect(isOther).toBe(false)
  }, 60_000)
})

/** Headers at the corners of a rule's box. */
function aimedAt(rule: ListRule): Header[] {
  return Array.from(
    { length: 32 },
    (_, corner) => rule.map(([low, high], i) => ((corner >> i) & 1 ? high : low)) as unknown as Header,
  )
}
