/** Packets through the flow tracker, one after another, for tests. */
import { Flows, type FlowsOptions } from '../../src/engine/state/flows/flows.js'
import { CtState, Hook, Packet } from '../../src/packet/packet.js'
import { packet as buildWhole, Flag, Protocol, tcp, type WireSpec } from './conversations/wire.js'

const NAMES = new Map(Object.entries(CtState).map(([name, bit]) => [bit as number, name]))

export type StateName = keyof typeof CtState

export class Tracker {
  readonly flows: Flows
  readonly packet = new Packet()
  /** Of the last packet: its entry and direction, which outlast its confirmation here. */
  flow = -1
  direction = 0
  /** Whether the last packet survived `track` and `confirm`. */
  alive = true

  constructor(options: Partial<FlowsOptions> = {}) {
    this.flows = new Flows({ seeds: [1, 2], size: 1024, ...options })
    this.packet.hook = Hook.prerouting
  }

  /** Lets seconds go by. */
  wait(seconds: number): this {
    this.packet.time[0]! += seconds * 1e9
    return this
  }

  /** Tracks a packet and accepts it, or drops it; the state it had. */
  say(bytes: Uint8Array, dropped = false): StateName {
    const { packet, flows } = this
    const state = this.hold(bytes)
    if (dropped || !this.alive) flows.release(packet)
    else this.alive = flows.confirm(packet)
    return state
  }

  /** Tracks a packet that stays under way, in `packet` or another. */
  hold(bytes: Uint8Array, packet = this.packet): StateName {
    packet.attach(bytes)
    packet.parse(0, bytes.length)
    packet.hook = this.packet.hook
    packet.time[0] = this.packet.time[0]!
    packet.ctState = CtState.invalid
    this.alive = this.flows.track(packet)
    this.flow = packet.flow
    this.direction = packet.flowDirection
    return stateOf(packet)
  }

  /** The same of a packet that is described. */
  send(spec: WireSpec, dropped = false): StateName {
    return this.say(buildWhole(spec), dropped)
  }
}

export function stateOf(packet: Packet): StateName {
  return NAMES.get(packet.fields[6]!) as StateName
}

export const CLIENT = '10.0.0.7'
export const SERVER = '10.1.0.80'

/** What a segment has that does not follow from what was said before. */
export interface Detail {
  /** Off the sequence number and the acknowledgement that would follow. */
  seq?: number
  ack?: number
  /** Instead of them. */
  absoluteSeq?: number
  absoluteAck?: number
  window?: number
  length?: number
  options?: readonly number[]
  dropped?: boolean
}

/** A segment: who says it (client or server), its flags, and what is special. */
export type Line = readonly [who: 'c' | 's', flags: string, detail?: Detail]

const LETTERS = {
  F: Flag.fin,
  S: Flag.syn,
  R: Flag.rst,
  P: Flag.psh,
  A: Flag.ack,
  U: Flag.urg,
  E: Flag.ece,
  C: Flag.cwr,
}

/** A TCP connection whose hosts count sequence numbers as they should. */
export class TcpPair {
  readonly tracker: Tracker
  /** The next sequence number of the client and of the server. */
  readonly next: [number, number]
  readonly #ports: readonly [number, number]

  constructor(
    tracker = new Tracker(),
    ports: readonly [number, number] = [40000, 80],
    starts = [1000, 5000],
  ) {
    this.tracker = tracker
    this.next = [starts[0]!, starts[1]!]
    this.#ports = ports
  }

  /** The states of segments, one after another. */
  say(...lines: readonly Line[]): StateName[] {
    return lines.map(([who, flags, detail = {}]) =>
      this.tracker.say(this.bytes(who, flags, detail), detail.dropped),
    )
  }

  bytes(who: 'c' | 's', letters: string, detail: Detail = {}): Uint8Array {
    const own = who === 'c' ? 0 : 1
    const flags = [...letters].reduce((bits, letter) => bits | LETTERS[letter as keyof typeof LETTERS], 0)
    const seq = detail.absoluteSeq ?? this.next[own] + (detail.seq ?? 0)
    const answered = flags & Flag.ack ? this.next[1 - own]! + (detail.ack ?? 0) : 0
    const length = detail.length ?? 0
    if (detail.seq === undefined && detail.absoluteSeq === undefined) {
      this.next[own] = seq + length + (flags & Flag.syn ? 1 : 0) + (flags & Flag.fin ? 1 : 0)
    }
    const payload = tcp({
      sport: this.#ports[own]!,
      dport: this.#ports[1 - own]!,
      seq: seq >>> 0,
      ack: (detail.absoluteAck ?? answered) >>> 0,
      flags,
      window: detail.window ?? 1000,
      options: detail.options ?? [],
      length,
    })
    const [source, destination] = own === 0 ? [CLIENT, SERVER] : [SERVER, CLIENT]
    return buildWhole({ source, destination, protocol: Protocol.tcp, payload })
  }
}
