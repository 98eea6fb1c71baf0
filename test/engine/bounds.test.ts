import { describe, expect, test } from 'vitest'
import { type Header, type ListRule, linearScan, type Span, toNft } from '../../bench/classbench.js'
import { random } from '../../bench/traffic.js'
import { type BoundedChain, boundedChains } from '../../src/engine/compile/bounds.js'
import { compile, compileChains } from '../../src/engine/compile/compile.js'
import { Engine } from '../../src/engine/judge.js'
import { loadNft } from '../../src/language/nft/load.js'
import { Column, Packet } from '../../src/packet/packet.js'
import { environment } from '../support/environment.js'
import { segment } from '../support/packets.js'

const next = random(7)
const below = (end: number) => Math.floor(next() * end)

function span(bits: number): Span {
  const [a, b] = [below(2 ** bits), below(2 ** bits)]
  return a < b ? [a, b] : [b, a]
}

/** The text of boxes that are no prefixes. */
function textOf(rules: readonly ListRule[]): string {
  const ip = (address: number) => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')
  const lines = rules.map(
    ([s, d, sp, dp, p]) =>
      `ip saddr ${ip(s[0])}-${ip(s[1])} ip daddr ${ip(d[0])}-${ip(d[1])} meta l4proto ${p[0]}-${p[1]} th sport ${sp[0]}-${sp[1]} th dport ${dp[0]}-${dp[1]} accept`,
  )
  return `table ip t {\nchain c {\ntype filter hook input priority 0;\n${lines.join('\n')}\n}\n}\n`
}

function decide(
  text: string,
  trace: readonly Header[],
): { decided: number[]; bytes: number; bounded: readonly BoundedChain[] } {
  const { program, chains } = compileChains(loadNft(text, 'b.nft').ruleset)
  const engine = new Engine(program, environment())
  const packet = new Packet()
  const bytes = segment('tcp', '10.0.0.1', '10.0.0.2', 1)
  packet.attach(bytes)
  packet.parse(0, bytes.length)
  const { saddr4, daddr4, sport, dport, l4proto } = Column
  const decided = trace.map(([source, destination, from, to, protocol]) => {
    const { fields } = packet
    fields[saddr4] = source
    fields[daddr4] = destination
    fields[sport] = from
    fields[dport] = to
    fields[l4proto] = protocol
    engine.judge(packet)
    return Math.max(engine.decidedBy, -1)
  }, 60_000)
  return {
    decided,
    bytes: program.figures.bytes,
    bounded: boundedChains(chains),
  }
}

const MIB = 2 ** 20

describe('rulesets made to hurt', () => {
  test('random boxes of five dimensions: longer leaves, and that is told', () => {
    const rules = Array.from(
      { length: 1000 },
      (): ListRule => [span(32), span(32), span(16), span(16), span(8)],
    )
    const trace = Array.from(
      { length: 2000 },
      (): Header => [below(2 ** 32), below(2 ** 32), below(65_536), below(65_536), below(256)],
    )
    const { decided, bytes, bounded } = decide(textOf(rules), trace)
    expect(decided).toEqual([...linearScan({ rules, trace })])
    expect(bytes).toBeLessThan(16 * MIB)
    expect(bounded).toEqual([
      { table: 't', chain: 'c', rules: expect.any(Number), longest: expect.any(Number) },
    ])
    const [told] = bounded
    expect(told!.longest).toBeGreaterThan(8)
    expect(told!.rules).toBeGreaterThanOrEqual(told!.longest)
  }, 60_000)

  test('thousands of ranges that overlap', () => {
    const any: Span = [0, 2 ** 32 - 1]
    const rules = Array.from({ length: 3000 }, (_, i): ListRule => {
      // Each within the one before, the narrowest first.
      const j = 3000 - i
      return [any, any, [0, 65_535], [30_000 - j * 5, 30_000 + j * 5], [6, 6]]
    })
    const trace = Array.from({ length: 1000 }, (): Header => [1, 2, 3, below(65_536), 6])
    const { decided, bytes } = decide(toNft(rules.toReversed()), trace)
    expect(decided).toEqual([...linearScan({ rules: rules.toReversed(), trace })])
    expect(bytes).toBeLessThan(16 * MIB)
  }, 60_000)

  test('jumps that meet again and again multiply nothing', () => {
    const chains = Array.from({ length: 15 }, (_, i) => {
      const target = i === 0 ? 'accept' : `jump c${i - 1}`
      return `chain c${i} {\nip saddr 10.0.0.0/8 tcp dport ${i} ${target}\nip daddr 10.0.0.0/8 udp dport ${i} ${target}\n${target === 'accept' ? '' : target}\n}\n`
    })
    const text = `table ip t {\n${chains.join('')}chain in {\ntype filter hook input priority 0;\njump c14\n}\n}\n`
    expect(compile(loadNft(text, 'j.nft').ruleset).figures.bytes).toBeLessThan(MIB / 8)
  }, 60_000)

  test('a list and the same again at other addresses takes no more than twice the steps', () => {
    const rules = Array.from({ length: 300 }, (): ListRule => {
      const host = below(2 ** 24) + 2 ** 24
      return [
        [host, host],
        [host + 2 ** 28, host + 2 ** 28 + 255],
        [0, 65_535],
        [below(1000), 2000],
        [6, 6],
      ]
    })
    const shifted = [0, 1, 2, 3, 4].flatMap((by) =>
      rules.map(
        ([[a, b], [c, d], ...rest]): ListRule => [
          [a + by * 2 ** 25, b + by * 2 ** 25],
          [Math.floor((c + by * 2 ** 25) / 256) * 256, Math.floor((d + by * 2 ** 25) / 256) * 256 + 255],
          ...(rest as [Span, Span, Span]),
        ],
      ),
    )
    const steps = (list: readonly ListRule[]) =>
      compile(loadNft(textOf(list), 's.nft').ruleset).figures.worstSteps
    expect(steps(shifted)).toBeLessThanOrEqual(2 * steps(rules))
  }, 60_000)
})
