import { describe, expect, test } from 'vitest'
import { CtState } from '../../../src/packet/packet.js'
import { segment } from '../../support/packets.js'
import { reference, rules } from '../../support/reference.js'

const to = (port: number) => segment('udp', '10.0.0.7', '10.0.0.1', port)

describe('base chains', () => {
  test('run by priority; of the same priority the last one first', () => {
    const { ask } = reference(`table inet t {
      chain a { type filter hook input priority 0; meta mark set meta mark << 4 | 1; }
      chain b { type filter hook input priority 0; meta mark set meta mark << 4 | 2; }
      chain c { type filter hook input priority -1; meta mark set meta mark << 4 | 3; }
      chain d { type filter hook output priority -5; drop; }
    }
    table ip u { chain e { type filter hook input priority 0; meta mark set meta mark << 4 | 4; } }`)
    expect(ask(to(9)).packet.mark).toBe(0x3421)
  })

  test('accept ends one of them, drop ends all', () => {
    const { ask, ruleset } = reference(`table inet t {
      chain early { type filter hook input priority -1; udp dport 3 drop; accept; }
      chain late { type filter hook input priority 1; policy drop; udp dport 1 accept; meta mark set 1; }
    }`)
    const [early, late] = ruleset.tables[0]!.chains
    expect(ask(to(1))).toMatchObject({ verdict: 'accept', rule: late!.rules[0], chain: late })
    const dropped = ask(to(2))
    expect(dropped).toMatchObject({ verdict: 'drop', chain: late })
    expect(dropped.rule).toBeUndefined()
    expect(ask(to(3))).toMatchObject({ verdict: 'drop', rule: early!.rules[0], packet: { mark: 0 } })
  })

  test('see the packets of their family alone; those of dormant tables see none', () => {
    const { ask } = reference(`table ip6 a { chain c { type filter hook input priority 0; policy drop; } }
    table ip b { flags dormant; chain c { type filter hook input priority 0; policy drop; } }`)
    expect(ask(to(9)).verdict).toBe('accept')
    expect(ask(segment('udp', 'fd00::7', 'fd00::1', 9)).verdict).toBe('drop')
  })

  test('a caller can run those of some priorities', () => {
    const { engine, ask } = reference(`table inet t {
      chain a { type filter hook input priority -300; meta mark set 1; }
      chain b { type filter hook input priority 0; policy drop; }
    }`)
    const { packet } = ask(to(9))
    packet.mark = 0
    expect(engine.run(packet, -400, -200).verdict).toBe('accept')
    expect(packet.mark).toBe(1)
    expect(engine.run(packet, -200, 1000).verdict).toBe('drop')
    expect(engine.run(packet, 1, 1000)).toEqual({ verdict: 'accept', logged: [] })
  })

  test('what is no packet is dropped', () => {
    expect(rules('accept').ask(Uint8Array.of(0x45, 0, 0))).toMatchObject({ verdict: 'drop' })
  })
})

describe('chains', () => {
  const { ask } = reference(`table inet t {
    chain marks { udp dport 1 return; meta mark set 1; udp dport 2 accept; }
    chain goes { goto marks; }
    chain c {
      type filter hook input priority 0; policy drop
      udp dport 1-2 jump marks
      udp dport 3 goto marks
      udp dport 4 jump goes
      udp dport 5 return
      udp dport 6 continue
      meta mark set meta mark | 0x10
      accept
    }
  }`)

  test.each([
    [1, 'accept', 0x10, 'return goes back to who jumped'],
    [2, 'accept', 1, 'accept ends the base chain from within'],
    [3, 'drop', 1, 'who goes to a chain does not come back: then the policy decides'],
    [4, 'accept', 0x11, 'the end of a chain that was gone to leads to who jumped'],
    [5, 'drop', 0, 'return in a base chain is its policy'],
    [6, 'accept', 0x10, 'continue goes on'],
  ])('to port %i: %s', (port, verdict, mark) => {
    expect(ask(to(port))).toMatchObject({ verdict, packet: { mark } })
  })
})

test('logging decides nothing, and is noted', () => {
  const { ask, ruleset } = rules('udp dport 9 log prefix "x"\nlog accept')
  const all = ruleset.tables[0]!.chains[0]!.rules
  expect(ask(to(9))).toMatchObject({ verdict: 'accept', logged: all })
  expect(ask(to(8)).logged).toEqual([all[1]])
})

test('notrack is for packets that are not tracked yet', () => {
  const { ask } = rules('notrack\nct state untracked meta mark set 1\naccept')
  expect(ask(to(9), { ctState: CtState.invalid }).packet).toMatchObject({
    ctState: CtState.untracked,
    flow: -1,
    mark: 1,
  })
  expect(ask(to(9), { ctState: CtState.new, flow: 3 }).packet).toMatchObject({
    ctState: CtState.new,
    flow: 3,
    mark: 0,
  })
})

test('what else of a packet can be set', () => {
  const { packet } = rules(
    'meta priority set 1:10 meta pkttype set broadcast meta nftrace set 1 meta pkttype broadcast meta priority 1:10 accept',
  ).ask(to(9))
  expect(packet).toMatchObject({ priority: 0x10010, pkttype: 1 })
})

test('an observer is told each step', () => {
  const { ask } = reference(`table inet t {
    chain side { tcp dport 9 accept; udp dport 1 drop; }
    chain c { type filter hook input priority 0; policy drop; jump side; limit rate over 1/hour accept; }
  }`)
  const told: string[] = []
  ask(
    to(9),
    {},
    {
      chain: ({ name }, table) => told.push(`chain ${table.name} ${name}`),
      passed: ({ kind }, _, seen) => told.push(`passed ${kind} ${seen}`),
      rule: ({ statements }) => told.push(`rule ${statements[0]!.kind}`),
      failed: ({ kind }, _, seen) => told.push(`failed ${kind} ${seen}`),
      verdict: (verdict, { name }, rule) => told.push(`${verdict} ${name} ${rule?.statements.length}`),
    },
  )
  expect(told).toEqual([
    'chain t c',
    'rule jump',
    'chain t side',
    'rule match',
    'failed match undefined',
    'rule match',
    'failed match 9',
    'rule limit',
    'failed limit undefined',
    'drop c undefined',
  ])
})
