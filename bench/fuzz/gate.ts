import { Addresses } from '../../src/engine/host/addresses.js'
import {
  createEvaluator,
  type EvaluatorName,
  type ExplainingEvaluator,
} from '../../src/engine/host/evaluators.js'
import { KernelHost } from '../../src/engine/host/host.js'
import { trackedFamilies } from '../../src/engine/host/users.js'
import { Flows } from '../../src/engine/state/flows/flows.js'
import { Reassembly } from '../../src/engine/state/fragments/reassembly.js'
import { Packet } from '../../src/packet/packet.js'
import type { Ruleset } from '../../src/ruleset/model.js'
import { random } from '../traffic.js'

const SEEDS = [1, 2] as const
/** Few, so that the tables are full most of the time. */
const CONNECTIONS = 512
/** 2026-11-22 16:00 UTC. */
const ORIGIN = 1_795_363_200_000_000_000n

const SETTINGS = {
  interfaces: ['lo', 'eth0', 'eth1'],
  addresses: [
    { address: '10.0.0.50', length: 16, interface: 2 },
    { address: 'fd00:10::50', length: 64, interface: 2 },
  ],
  forwarding: true,
}

/** A whole host, as packets see it: its checks, its fragments, its connections and its rules. */
export class Gate {
  readonly flows = new Flows({ size: CONNECTIONS, seeds: SEEDS, accounting: true })
  readonly evaluator: ExplainingEvaluator
  readonly #host: KernelHost
  readonly #packet = new Packet()

  constructor(name: EvaluatorName, ruleset: Ruleset) {
    const addresses = new Addresses(SETTINGS)
    const environment = {
      seeds: SEEDS,
      random: integers(),
      clock: { origin: ORIGIN, timeZone: 'Europe/Berlin' },
      connections: this.flows,
      host: addresses,
    }
    this.evaluator = createEvaluator(name, ruleset, environment, SETTINGS.interfaces)
    this.#host = new KernelHost(this.evaluator, trackedFamilies(ruleset), addresses, SETTINGS, {
      tracker: this.flows,
      fragments: new Reassembly({ seeds: SEEDS }),
    })
  }

  /** What becomes of a packet that arrives on an interface or, if that is 0, is sent; time: nanoseconds. */
  judge(bytes: Uint8Array, interfaceIndex: number, time: number): string {
    const packet = this.#packet
    packet.attach(bytes)
    packet.parse(0, bytes.length)
    packet.time[0] = time
    packet.mark = 0
    packet.iif = interfaceIndex
    packet.oif = interfaceIndex === 0 ? 2 : 0
    packet.uid = packet.gid = interfaceIndex === 0 ? 0 : -1
    packet.priority = 0
    const host = this.#host
    this.evaluator.begin()
    const fate = interfaceIndex === 0 ? host.send(packet) : host.receive(packet, bytes.length)
    return `${fate} at ${host.hook}, answer ${host.rejection}, mark ${host.packet.mark >>> 0}`
  }
}

function integers(): () => number {
  const next = random(7)
  return () => Math.floor(next() * 2 ** 32)
}
