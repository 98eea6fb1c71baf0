import { describe, expect, test } from 'vitest'
import { compile } from '../../src/engine/compile/compile.js'
import { Addresses } from '../../src/engine/host/addresses.js'
import { EVALUATORS } from '../../src/engine/host/evaluators.js'
import { KernelHost } from '../../src/engine/host/host.js'
import { trackedFamilies } from '../../src/engine/host/users.js'
import { Engine } from '../../src/engine/judge.js'
import { Flows } from '../../src/engine/state/flows/flows.js'
import { Reassembly } from '../../src/engine/state/fragments/reassembly.js'
import { parseNft } from '../../src/language/nft/load.js'
import { Packet } from '../../src/packet/packet.js'
import { judgeOurselves } from '../kernel/differential/our-judge.js'
import { Protocol, packet } from '../support/conversations/wire.js'
import { environment } from '../support/environment.js'
import { HOST_CASES } from '../support/host-cases.js'

describe.each(EVALUATORS)('a host around the %s', (evaluator) => {
  test.each(HOST_CASES)('$name', ({ name, rules, steps, forwards }) => {
    const one = { name, loader: 'nft', rules, lines: steps.map(([line]) => line), forwards } as const
    const outcome = judgeOurselves(one, evaluator, { loaded: 0, origin: 0n })
    const said =
      'answers' in outcome ? outcome.answers.map(({ verdict, mark }) => `${verdict} ${mark}`) : outcome
    expect(said).toEqual(steps.map(([, answer]) => (answer.includes(' ') ? answer : `${answer} 0`)))
  })
})

describe('a host', () => {
  const rules = `table inet t {
 set ports { type inet_service; flags interval; elements = { 22, 8000-9000 } }
 chain i { type filter hook input priority 0; policy drop; ct state established accept; tcp dport @ports accept; reject; }
 chain f { type filter hook forward priority 0; policy drop; ct state new,established counter accept; }
}
`
  const settings = {
    interfaces: ['lo', 'eth0', 'eth1'],
    addresses: [
      { address: '10.0.0.1', length: 24, interface: 2 },
      { address: '10.1.0.1', length: 24, interface: 3 },
    ],
    forwarding: true,
  }
  const spec = {
    source: '10.0.0.99',
    protocol: Protocol.udp,
    payload: Uint8Array.from([0, 9, 0, 53, 0, 8, 0, 0]),
  }
  const kinds = [
    packet({ ...spec, destination: '10.0.0.1' }),
    packet({ ...spec, destination: '10.1.0.9' }),
    packet({ ...spec, destination: '10.1.0.9', ttl: 1 }),
    packet({ ...spec, destination: '10.1.0.9', options: 8 }),
    packet({ ...spec, destination: '10.1.0.8', moreFragments: true, fragmentOffset: 0 }),
    packet({ ...spec, destination: '10.1.0.8', fragmentOffset: 8 }),
    packet({ ...spec, destination: '224.0.0.9' }),
  ]

  function start() {
    const seeds = [1, 2] as const
    const ruleset = parseNft(rules, 'rules.nft')
    const tracking = { tracker: new Flows({ seeds, size: 1024 }), fragments: new Reassembly({ seeds }) }
    const addresses = new Addresses(settings)
    const engine = new Engine(compile(ruleset), {
      ...environment(),
      connections: tracking.tracker,
      host: addresses,
    })
    return new KernelHost(engine, trackedFamilies(ruleset), addresses, settings, tracking)
  }

  test('leaves the bytes of its packets as they were', () => {
    const host = start()
    const view = new Packet()
    for (const bytes of kinds) {
      const before = bytes.slice()
      view.attach(bytes)
      view.parse(0, bytes.length)
      view.iif = 2
      host.receive(view, bytes.length)
      expect(bytes).toEqual(before)
    }
  })

  test('allocates nothing for a packet', () => {
    const host = start()
    const view = new Packet()
    const size = 64
    const buffer = new Uint8Array(kinds.length * size)
    for (const [i, bytes] of kinds.entries()) buffer.set(bytes, i * size)
    view.attach(buffer)
    const run = () => {
      for (let i = 0; i < 100_000; i++) {
        const kind = i % kinds.length
        view.parse(kind * size, kinds[kind]!.length)
        view.iif = 2
        view.time[0]! += 1e6
        host.receive(view, kinds[kind]!.length)
      }
    }
    const growths = Array.from({ length: 10 }, () => {
      const before = process.memoryUsage().heapUsed
      run()
      return process.memoryUsage().heapUsed - before
    })
    // The first rounds run in the interpreter; the best of the rest shows what the code itself allocates.
    const least = Math.min(...growths.slice(5).filter((growth) => growth >= 0))
    expect(least / 100_000).toBeLessThan(0.5)
  })
})
