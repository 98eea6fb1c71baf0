import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Environment, Outcome } from '../../../src/engine/environment.js'
import { matchesXtables, ReferenceXtables } from '../../../src/engine/reference/xtables/matches.js'
import { createXtablesStep, XtablesContext } from '../../../src/engine/xtables/step.js'
import { CtState, Hook, Packet } from '../../../src/packet/packet.js'
import type { XtablesMatch } from '../../../src/ruleset/xtables.js'
import {
  connection,
  counting,
  hostMatch,
  PROTOCOLS_OF,
  type XtablesFamily,
  xtablesMatch,
} from '../../support/xtables-arbitrary.js'
import { FakeConnections, fakeFlow } from '../../support/xtables-connections.js'
import { xtablesPacket } from '../../support/xtables-packets.js'

const NAMES = ['no', 'yes', 'hotdrop'] as const
const family = fc.constantFrom<XtablesFamily>('ip', 'ip6')

interface Sample {
  readonly bytes: Uint8Array
  readonly cut: number
  readonly pause: number
  readonly meta: number
  readonly flow: number
}

const sampleOf = (family: XtablesFamily): fc.Arbitrary<Sample> =>
  fc.record({
    bytes: xtablesPacket(family),
    // Captures may have cut a packet short.
    cut: fc.constantFrom(0, 0, 0, 0, 1, 9),
    pause: fc.constantFrom(0, 1, 4e6, 5e6, 1e8, 1e9, 2e9, 61e9, 86400e9),
    meta: fc.nat(),
    flow: fc.integer({ min: -1, max: 5 }),
  })

/** Holds the engine's steps and the reference together over a sequence of packets. */
function holdTogether(
  family: XtablesFamily,
  matches: readonly XtablesMatch[],
  samples: readonly Sample[],
): void {
  const bits = family === 'ip' ? 32 : 128
  // Each evaluator has connections of its own, as it may set labels.
  const environment = (): Environment & { connections: FakeConnections } => ({
    seeds: [1, 2],
    random: () => 7,
    connections: new FakeConnections(
      Array.from({ length: 6 }, (_, i) =>
        fakeFlow({
          status: [0, 1, 3, 15, 63, 8][i]!,
          mark: i % 2,
          packets: [i, 1],
          bytes: [i * 60, 40],
          protocol: i % 2 ? 6 : 17,
          sourcePort: [22 + (i >> 1), 22],
        }),
      ),
      bits,
    ),
    clock: { origin: 1_700_000_000_000_000_000n, timeZone: 'Asia/Kolkata' },
    host: {
      addressType: (packet, which, limit) => (packet.network + which.length + limit + packet.length) % 8,
    },
  })
  const [ours, its] = [environment(), environment()]
  const context = new XtablesContext(ours)
  const reference = new ReferenceXtables(its)
  const steps = matches.map((match) => createXtablesStep(match, family, context))
  for (const match of matches) reference.declare(match, family)

  const packet = new Packet()
  let time = 0
  for (const { bytes, cut, pause, meta, flow } of samples) {
    packet.attach(bytes)
    if (!packet.parse(0, bytes.length - (bytes.length - cut < 40 ? 0 : cut))) continue
    packet.hook = [Hook.input, Hook.forward, Hook.output, Hook.postrouting][meta % 4]!
    packet.iif = meta % 3
    packet.mark = [0, 1, 3, 0x80000000, -1][meta % 5]!
    packet.ctState = [...Object.values(CtState), 0][meta % 6]!
    packet.uid = packet.gid = [-1, 0, 1, 1000][meta % 4]!
    packet.pkttype = [0, 1, 2, 5][meta % 4]!
    packet.flow = flow
    packet.flowDirection = meta % 2
    packet.time[0] = time += pause
    for (const connections of [ours.connections, its.connections]) change(connections, flow, meta)
    for (const [i, match] of matches.entries()) {
      const expected = matchesXtables(match, family, packet, reference)
      expect({ match, outcome: NAMES[steps[i]!.run(packet)] }).toEqual({ match, outcome: expected })
    }
  }
}

/** What becomes of a connection between two packets. */
function change({ flows }: FakeConnections, flow: number, meta: number): void {
  const its = flows[flow]
  if (its === undefined) return
  its.confirmed = meta % 3 !== 0
  its.closing = meta % 7 === 0
  its.expires = (meta % 40) * 1000
}

function runs(
  match: (family: XtablesFamily) => fc.Arbitrary<XtablesMatch>,
  numRuns: number,
  packets: number,
): void {
  const all = family.chain((family) =>
    fc.tuple(
      fc.constant(family),
      fc.array(match(family), { minLength: 1, maxLength: 5 }),
      fc.array(sampleOf(family), { minLength: 1, maxLength: packets }),
    ),
  )
  fc.assert(
    fc.property(all, ([family, matches, samples]) => holdTogether(family, matches, samples)),
    { numRuns },
  )
}

test('the engine and the reference agree on matches of headers and fields', () => {
  runs(
    (family) =>
      fc.constantFrom(undefined, ...PROTOCOLS_OF[family]).chain((protocol) => xtablesMatch(family, protocol)),
    300,
    8,
  )
})

test('the engine and the reference agree on what counts and remembers', () => {
  runs(counting, 200, 40)
})

test('the engine and the reference agree on connections', () => {
  runs(connection, 25, 40)
})

test('the engine and the reference agree on the host and the clock', () => {
  runs(hostMatch, 150, 10)
})

test('names of outcomes are in the order of their numbers', () => {
  expect(NAMES.map((_, i) => i)).toEqual([Outcome.break, Outcome.continue, Outcome.hotdrop])
})
