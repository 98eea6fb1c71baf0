import { Writable } from 'node:stream'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { compile } from '../../src/engine/compile/compile.js'
import { Engine } from '../../src/engine/judge.js'
import { type DropEvent, EventRing } from '../../src/engine/state/events.js'
import { parsePolicy } from '../../src/language/policy/load.js'
import { CtState, Packet } from '../../src/packet/packet.js'
import { DenialLog, describeDenial } from '../../src/telemetry/denials.js'
import { environment } from '../support/environment.js'
import { segment } from '../support/packets.js'

const POLICY = `
inbound:
  - deny: nuisance
    from: 10.0.0.66
  - allow: ollama
    port: tcp/11434
    from: 10.0.0.0/16
    limit: 1 per minute per source
outbound: []
`
const program = compile(parsePolicy(POLICY, 'p.yaml'))

/** The events of the packets that the policy refuses. */
function refused(...packets: Uint8Array[]): DropEvent[] {
  const engine = new Engine(program, environment())
  const ring = new EventRing()
  const packet = new Packet()
  packet.ctState = CtState.new
  for (const bytes of packets) {
    packet.attach(bytes)
    packet.parse(0, bytes.length)
    if (engine.judge(packet) === 0) ring.write(packet, engine.decidedBy, engine.refusedBy)
  }
  return [...ring.read()]
}

const syn = (source: string, port = 11434) => segment('tcp', source, '10.0.0.50', port)

describe('a refused packet says who refused it', () => {
  test.each([
    ['a rule', [syn('10.0.0.66')], { rule: 'nuisance', reason: 'the rule denies it' }],
    [
      'a limit',
      [syn('10.0.0.7'), syn('10.0.0.7')],
      { rule: 'ollama', reason: 'over the limit of 1 in 60 s' },
    ],
    ['the policy', [syn('203.0.113.9')], { rule: 'portcullis input', reason: 'no rule allows it' }],
    ['nobody', [new Uint8Array(30)], { rule: 'malformed', reason: 'no well-formed IP packet' }],
  ])('%s', (_, packets, who) => {
    const [event] = refused(...packets)
    expect(describeDenial(event!, program)).toMatchObject(who)
  })

  test('and what it was', () => {
    expect(describeDenial(refused(segment('udp', '203.0.113.9', '10.0.0.50', 53))[0]!, program)).toEqual({
      rule: 'portcullis input',
      reason: 'no rule allows it',
      hook: 'input',
      protocol: 'udp',
      source: '203.0.113.9',
      sourcePort: 40000,
      destination: '10.0.0.50',
      destinationPort: 53,
      length: 28,
    })
  })
})

describe('the log cannot be flooded', () => {
  function logOf(clock: () => number) {
    const lines: Record<string, unknown>[] = []
    const sink = new Writable({
      write(chunk, _, done) {
        lines.push(JSON.parse(String(chunk)))
        done()
      },
    })
    return { lines, log: new DenialLog(pino(sink), program, clock) }
  }

  test('a source that tries again is logged again after ten seconds', () => {
    let now = 1000
    const { lines, log } = logOf(() => now)
    const [event] = refused(syn('203.0.113.9'))
    for (const time of [1000, 1001, 5000, 10_999, 11_001]) {
      now = time
      log.write([event!])
    }
    expect(lines).toHaveLength(2)
    log.tellSuppressed()
    log.tellSuppressed()
    expect(lines.slice(2)).toMatchObject([{ event: 'suppressed', count: 3 }])
  })

  test('ten lines a second on average, a hundred at once', () => {
    let now = 1000
    const { lines, log } = logOf(() => now)
    const flood = refused(...Array.from({ length: 3000 }, (_, i) => syn(`203.0.${i >> 8}.${i & 255}`)))
    expect(flood).toHaveLength(3000)
    log.write(flood.slice(0, 1000))
    expect(lines).toHaveLength(100)
    now += 2000
    log.write(flood.slice(1000))
    expect(lines).toHaveLength(120)
    log.tellSuppressed()
    expect(lines.at(-1)).toMatchObject({ event: 'suppressed', count: 2880 })
  })
})
