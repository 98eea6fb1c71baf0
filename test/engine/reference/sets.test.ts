import { describe, expect, test } from 'vitest'
import { segment } from '../../support/packets.js'
import { rules } from '../../support/reference.js'

const from = (source: string, port = 9) =>
  segment('udp', source, source.includes(':') ? 'fd00::1' : '10.0.0.1', port)

describe('sets that rules fill', () => {
  test('add finds what is there, and does not make it live longer; update does', () => {
    const head = 'set s { type ipv4_addr; flags dynamic,timeout; timeout 1s; }'
    const lines =
      'udp dport 1 add @s { ip saddr } accept\nudp dport 2 update @s { ip saddr } accept\nip saddr @s accept'
    const { ask } = rules(lines, { head })
    const at = (port: number, at: number) => ask(from('10.0.0.7', port), { at }).verdict
    expect([at(1, 0), at(1, 600), at(3, 996), at(3, 1000)]).toEqual(['accept', 'accept', 'accept', 'drop'])
    expect([at(2, 2000), at(2, 2600), at(3, 3400), at(3, 3600)]).toEqual([
      'accept',
      'accept',
      'accept',
      'drop',
    ])
  })

  test('a full set ends the rule, for those that are not in it', () => {
    const { ask } = rules('add @s { ip saddr } accept', {
      head: 'set s { type ipv4_addr; flags dynamic; size 2; }',
    })
    const verdicts = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.1'].map(
      (source) => ask(from(source)).verdict,
    )
    expect(verdicts).toEqual(['accept', 'accept', 'drop', 'accept'])
  })

  test('what expired is not seen, and keeps its place until the next round', () => {
    const head = 'set s { type ipv4_addr; flags dynamic,timeout; size 1; gc-interval 2s; }'
    const { ask } = rules('udp dport 9 add @s { ip saddr timeout 500ms } accept\nip saddr @s accept', {
      head,
    })
    expect(ask(from('10.0.0.7')).verdict).toBe('accept')
    expect(ask(from('10.0.0.7', 1), { at: 500 }).verdict).toBe('drop')
    expect(ask(from('10.0.0.8'), { at: 1999 }).verdict).toBe('drop')
    expect(ask(from('10.0.0.8'), { at: 2000 }).verdict).toBe('accept')
  })

  test('delete takes an element out, whether it is there or not; its place is free with the next round', () => {
    const head = 'set s { type ipv4_addr; flags dynamic; size 1; elements = { 10.0.0.7 } }'
    const { ask } = rules('udp dport 1 delete @s { ip saddr } accept\nadd @s { ip saddr } accept', { head })
    expect(ask(from('10.0.0.8', 1)).verdict).toBe('accept')
    expect(ask(from('10.0.0.8')).verdict).toBe('drop')
    expect(ask(from('10.0.0.7', 1)).verdict).toBe('accept')
    expect(ask(from('10.0.0.8')).verdict).toBe('drop')
    expect(ask(from('10.0.0.8'), { at: 1000 }).verdict).toBe('accept')
  })

  test('the statements of an element are its own, and end the rule', () => {
    const head = 'set s { type ipv4_addr; flags dynamic; }'
    const { ask } = rules('add @s { ip saddr limit rate 1/hour burst 2 packets } accept', { head })
    const sources = ['10.0.0.1', '10.0.0.1', '10.0.0.1', '10.0.0.2', '10.0.0.1']
    expect(sources.map((source) => ask(from(source)).verdict)).toEqual([
      'accept',
      'accept',
      'drop',
      'accept',
      'drop',
    ])
  })

  test('a map learns, and keeps what it learnt first', () => {
    const head = 'map m { type ipv4_addr : mark; flags dynamic; }'
    const lines = 'udp dport 1 add @m { ip saddr : meta mark } accept\nmeta mark set ip saddr map @m accept'
    const { ask } = rules(lines, { head })
    expect(ask(from('10.0.0.7', 2)).verdict).toBe('drop')
    ask(from('10.0.0.7', 1), { mark: 5 })
    ask(from('10.0.0.7', 1), { mark: 6 })
    expect(ask(from('10.0.0.7', 2)).packet.mark).toBe(5)
  })

  test('a meter is a set of its own; a key that the packet lacks ends the rule', () => {
    const { ask } = rules('meter m size 2 { ip saddr limit rate 1/hour burst 1 packets } accept')
    const sources = ['10.0.0.1', '10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::7']
    expect(sources.map((source) => ask(from(source)).verdict)).toEqual([
      'accept',
      'drop',
      'accept',
      'drop',
      'drop',
    ])
  })
})

describe('elements as they are written', () => {
  test('live from the first packet on', () => {
    const head =
      'set s { type ipv4_addr; flags timeout; timeout 2s; elements = { 10.0.0.7, 10.0.0.8 timeout 1s, 10.0.0.9 timeout 5s expires 500ms } }'
    const { ask } = rules('ip saddr @s accept', { head })
    const seen = (at: number) =>
      ['10.0.0.7', '10.0.0.8', '10.0.0.9'].filter((source) => ask(from(source), { at }).verdict === 'accept')
        .length
    expect([seen(0), seen(600), seen(1000), seen(2000)]).toEqual([3, 2, 1, 0])
  })

  test('a catch-all is for what no other element holds', () => {
    const head =
      'map m { type ipv4_addr : verdict; flags interval; elements = { 10.0.0.0/24 : drop, * : accept } }'
    const { ask } = rules('ip saddr vmap @m', { head })
    expect(ask(from('10.0.0.7')).verdict).toBe('drop')
    expect(ask(from('10.0.1.7')).verdict).toBe('accept')
    const set = 'set s { type ipv4_addr; elements = { 10.0.0.7, * } }'
    expect(rules('ip saddr != @s accept', { head: set }).ask(from('10.0.1.7')).verdict).toBe('drop')
  })

  test('run their statements when they are found, and not when they are looked for in vain', () => {
    const head = 'set s { type ipv4_addr; quota 60 bytes; elements = { 10.0.0.7, 10.0.0.8 } }'
    const { ask, engine, ruleset } = rules('ip saddr @s accept', { head })
    const sources = ['10.0.0.7', '10.0.0.7', '10.0.0.7', '10.0.0.8', '10.0.0.9']
    expect(sources.map((source) => ask(from(source)).verdict)).toEqual([
      'accept',
      'accept',
      'drop',
      'accept',
      'drop',
    ])
    const used = engine.elements(ruleset.tables[0]!, 's').map(({ states }) => states[0])
    expect(used).toMatchObject([{ used: 84n }, { used: 28n }])
  })

  test('objects by a map', () => {
    const head =
      'counter a { }\ncounter b { }\nmap m { type inet_service : counter; elements = { 1 : "a", 2 : "b" } }'
    const { ask, engine, ruleset } = rules('counter name udp dport map @m accept', { head })
    expect([1, 2, 2, 3].map((port) => ask(from('10.0.0.7', port)).verdict)).toEqual([
      'accept',
      'accept',
      'accept',
      'drop',
    ])
    const [table] = ruleset.tables
    expect(engine.object(table!, 'counter', 'b')).toMatchObject({ packets: 2n, bytes: 56n })
  })
})
