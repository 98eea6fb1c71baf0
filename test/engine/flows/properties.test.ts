import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Flows } from '../../../src/engine/state/flows/flows.js'
import { Fragments, Reassembly } from '../../../src/engine/state/fragments/reassembly.js'
import { CtState, Packet } from '../../../src/packet/packet.js'
import { Random } from '../../support/conversations/random.js'
import { icmp, packet, udp } from '../../support/conversations/wire.js'
import { conversations } from '../../support/conversations.js'
import { stateOf, Tracker } from '../../support/tracker.js'

/** Milliseconds, near what the timeouts of UDP, ICMP and the generic tracker are. */
const PAUSES = [0, 1, 4, 1000, 2000, 2004, 29_996, 30_000, 30_004, 119_996, 120_000, 599_996, 600_000]

interface Said {
  protocol: 17 | 1 | 253
  from: number
  to: number
  port: number
  dropped: boolean
  pause: number
}

interface Entry {
  replied: boolean
  streamFrom: number
  expires: number
}

/** Connection tracking of everything but TCP and SCTP, as plain as it can be said. */
class PlainTracker {
  readonly #entries = new Map<string, Entry>()
  #now = 0

  say({ protocol, from, to, port, dropped, pause }: Said, reply: boolean): string {
    this.#now += pause
    // An echo has its direction in its type too.
    const key = (back: boolean) =>
      `${protocol} ${back ? [to, from] : [from, to]} ${port} ${protocol === 1 && back}`
    const own = this.#alive(key(reply))
    if (own !== undefined) return this.#follow(own, protocol, false)
    const other = this.#alive(key(!reply))
    if (other !== undefined) return this.#follow(other, protocol, true)
    if (protocol === 1 && reply) return 'invalid'
    const entry = { replied: false, streamFrom: this.#now + 2000, expires: 0 }
    if (!dropped) this.#entries.set(key(reply), entry)
    return this.#follow(entry, protocol, false)
  }

  #alive(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    return entry !== undefined && entry.expires > this.#now ? entry : undefined
  }

  #follow(entry: Entry, protocol: number, reply: boolean): string {
    const state = reply || entry.replied ? 'established' : 'new'
    const stream = entry.replied && this.#now > entry.streamFrom
    const seconds = protocol === 17 ? (stream ? 120 : 30) : protocol === 1 ? 30 : 600
    entry.expires = this.#now + seconds * 1000
    if (reply) entry.replied = true
    return state
  }
}

const said: fc.Arbitrary<Said> = fc.record({
  protocol: fc.constantFrom(17, 1, 253),
  from: fc.nat(2),
  to: fc.nat(2).map((host) => host + 3),
  port: fc.nat(2),
  dropped: fc.boolean(),
  pause: fc.constantFrom(...PAUSES),
})

test('a plain tracker agrees on what is new and what is established, whatever is dropped or expires', () => {
  const property = fc.property(fc.array(fc.tuple(said, fc.boolean()), { maxLength: 80 }), (steps) => {
    const tracker = new Tracker({ size: 64 })
    const plain = new PlainTracker()
    for (const [step, reply] of steps) {
      tracker.wait(step.pause / 1000)
      const [source, destination] = reply ? [step.to, step.from] : [step.from, step.to]
      const payload =
        step.protocol === 1 ? icmp(reply ? 0 : 8, 0, step.port << 16) : udp(step.port, step.port, 0)
      const bytes = packet({
        source: `10.0.0.${source}`,
        destination: `10.0.0.${destination}`,
        protocol: step.protocol,
        payload,
      })
      const port = step.protocol === 253 ? 0 : step.port
      expect(tracker.say(bytes, step.dropped)).toBe(plain.say({ ...step, port }, reply))
    }
  })
  fc.assert(property, { numRuns: 500, seed: 4 })
})

describe('hostile packets', () => {
  const SIZE = 64

  /** Packets through reassembly and tracker: held for a while, accepted or dropped, in any order. */
  class Mill {
    readonly flows = new Flows({ seeds: [1, 2], size: SIZE, accounting: true })
    readonly reassembly = new Reassembly({ seeds: [3, 4], highThreshold: 65536 })
    readonly #free = Array.from({ length: 8 }, () => new Packet())
    readonly #held: Packet[] = []
    readonly #random: Random
    time = 0

    constructor(random: Random) {
      this.#random = random
    }

    grind(bytes: Uint8Array): void {
      const random = this.#random
      this.time += random.pick([0, 0, 0, 1e3, 1e6, 1e9, 1e10, -1e9, 1e12])
      const packet = this.#free.pop()!
      packet.attach(bytes)
      if (packet.parse(0, bytes.length)) {
        packet.hook = random.pick([0, 0, 3])
        packet.time[0] = this.time
        if (this.reassembly.push(packet) === Fragments.complete) {
          packet.attach(this.reassembly.buffer)
          if (!packet.parse(this.reassembly.offset, this.reassembly.length))
            throw new Error('a broken datagram')
        }
        packet.ctState = CtState.invalid
        this.flows.track(packet)
        if (stateOf(packet) === undefined) throw new Error('no state')
      } else packet.flow = -1
      this.#held.push(packet)
      while (this.#held.length > random.below(8))
        this.#let(this.#held.splice(random.below(this.#held.length), 1)[0]!)
      if (this.flows.entries > SIZE) throw new Error('more entries than there is room for')
    }

    #let(packet: Packet): void {
      if (this.#random.chance(0.8)) this.flows.confirm(packet)
      else this.flows.release(packet)
      this.#free.push(packet)
    }

    /** Lets all packets go, and time run out: then nothing is left. */
    end(): void {
      for (const packet of this.#held.splice(0)) this.#let(packet)
      this.time += 1e18
      const packet = this.#free[0]!
      const bytes = Uint8Array.of(0x45, 0, 0, 20, 0, 0, 0x20, 0, 64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2)
      packet.attach(bytes)
      packet.parse(0, 20)
      packet.hook = 0
      packet.time[0] = this.time
      this.reassembly.push(packet)
      this.flows.track(packet)
      this.flows.release(packet)
      expect([this.flows.entries, this.reassembly.waiting]).toEqual([0, 0])
    }
  }

  test('a hundred thousand mutated ones: never an exception, nor more entries than there is room for', () => {
    const random = new Random(5)
    const mill = new Mill(random)
    for (const seed of [1, 2]) {
      for (const { bytes } of conversations({
        seed,
        packets: 50_000,
        mode: seed === 1 ? 'forward' : 'local',
      })) {
        if (bytes.length === 0) continue
        const mutated = bytes.slice(0, random.chance(0.1) ? random.below(bytes.length + 1) : bytes.length)
        while (random.chance(0.4) && mutated.length > 0) {
          const at = random.below(random.chance(0.8) ? Math.min(mutated.length, 64) : mutated.length)
          mutated[at] = random.chance(0.5) ? random.below(256) : mutated[at]! ^ (1 << random.below(8))
        }
        mill.grind(mutated)
      }
    }
    mill.end()
    expect(mill.flows.inserted).toBeGreaterThan(10_000)
    expect(mill.reassembly.completed).toBeGreaterThan(100)
  }, 60_000)

  test('any bytes at all', () => {
    const property = fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 120 }), { maxLength: 30 }),
      (all) => {
        const mill = new Mill(new Random(6))
        for (const bytes of all) {
          mill.grind(bytes)
          // As IPv4 and IPv6 with a length that fits: so that it comes further.
          if (bytes.length < 40) continue
          const four = bytes.with(0, 0x45).with(2, 0).with(3, bytes.length)
          mill.grind(four)
          mill.grind(
            bytes
              .with(0, 0x60)
              .with(4, 0)
              .with(5, bytes.length - 40),
          )
        }
        mill.end()
      },
    )
    fc.assert(property, { numRuns: 300, seed: 7 })
  })
})
