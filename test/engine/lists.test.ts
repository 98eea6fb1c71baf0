import { describe, expect, test } from 'vitest'
import { type List, linearScan, makeList, SEED_NAMES, toNft } from '../../bench/classbench.js'
import { compile } from '../../src/engine/compile/compile.js'
import { Engine } from '../../src/engine/judge.js'
import { ReferenceEngine } from '../../src/engine/reference/evaluate.js'
import { loadNft } from '../../src/language/nft/load.js'
import { Packet } from '../../src/packet/packet.js'
import type { Ruleset } from '../../src/ruleset/model.js'
import { environment } from '../support/environment.js'
import { buildPacket } from '../support/packets.js'

function packets({ trace }: List): Uint8Array[] {
  const text = (address: number) => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')
  return trace.map(([source, destination, sport, dport, protocol]) => {
    const payload = new Uint8Array(20)
    new DataView(payload.buffer).setUint32(0, sport * 65_536 + dport)
    return buildPacket({ source: text(source), destination: text(destination), protocol, payload })
  })
}

function decider(ruleset: Ruleset): (bytes: Uint8Array) => number {
  const engine = new Engine(compile(ruleset), environment())
  const packet = new Packet()
  return (bytes) => {
    packet.attach(bytes)
    packet.parse(0, bytes.length)
    engine.judge(packet)
    return Math.max(engine.decidedBy, -1)
  }
}

describe.each(SEED_NAMES)('a list of rules, %s', (seed) => {
  test('500 rules: the first that holds decides', () => {
    const list = makeList(seed, 500, 2000)
    const decide = decider(loadNft(toNft(list.rules), 'l.nft').ruleset)
    expect(packets(list).map(decide)).toEqual([...linearScan(list)])
  }, 60_000)

  test('100 rules, some of which only count: as the reference evaluator says', () => {
    const list = makeList(seed, 100, 300)
    const text = toNft(list.rules)
      .split('\n')
      .map((line, i) => (i % 3 === 0 ? line.replace(/accept$/, 'counter') : line))
      .join('\n')
    const { ruleset } = loadNft(text, 'l.nft')
    const reference = new ReferenceEngine(ruleset, environment())
    const rules = ruleset.tables[0]!.chains[0]!.rules
    const decide = decider(ruleset)
    const packet = new Packet()
    for (const bytes of packets(list)) {
      packet.attach(bytes)
      packet.parse(0, bytes.length)
      const { rule } = reference.judge(packet)
      expect(decide(bytes)).toBe(rule === undefined ? -1 : rules.indexOf(rule))
    }
  }, 60_000)
})
