/** Asks the reference evaluator about rules as they are written, and packets as they are described. */
import type { Environment } from '../../src/engine/environment.js'
import { ReferenceEngine, type ReferenceVerdict } from '../../src/engine/reference/evaluate.js'
import type { Observer } from '../../src/engine/reference/observer.js'
import { parseNft } from '../../src/language/nft/load.js'
import { CtState, Hook, type HookName, Packet } from '../../src/packet/packet.js'
import { environment } from './environment.js'

/** What a source tells of a packet. */
export interface Told {
  readonly hook?: HookName
  readonly iif?: number
  readonly oif?: number
  readonly mark?: number
  readonly ctState?: number
  readonly flow?: number
  readonly flowDirection?: number
  readonly uid?: number
  readonly gid?: number
  readonly priority?: number
  readonly pkttype?: number
  /** Milliseconds since the first packet. */
  readonly at?: number
}

export interface Asked extends ReferenceVerdict {
  readonly packet: Packet
}

export const INTERFACES = new Map([
  [1, 'lo'],
  [2, 'eth0'],
  [3, 'eth10'],
])

/** An engine for a whole text, and a function that asks it. */
export function reference(text: string, more: Partial<Environment> = {}) {
  const ruleset = parseNft(text, 'rules.nft')
  const engine = new ReferenceEngine(ruleset, environment(more))
  for (const [index, name] of INTERFACES) engine.interfaces.set(index, name)
  const ask = (bytes: Uint8Array, told: Told = {}, observer?: Observer): Asked => {
    const { hook = 'input', at = 0, ...meta } = told
    const packet = new Packet()
    packet.attach(bytes)
    packet.parse(0, bytes.length)
    Object.assign(packet, { ctState: CtState.new, ...meta, hook: Hook[hook] })
    packet.time[0] = at * 1e6
    return { ...engine.judge(packet, observer), packet }
  }
  return { engine, ruleset, ask }
}

/** Asks about the rules of one chain at input; what goes to its end is dropped. */
export function rules(lines: string, { family = 'inet', head = '' } = {}, more: Partial<Environment> = {}) {
  const chain = `chain c { type filter hook input priority 0; policy drop\n${lines}\n}`
  return reference(`table ${family} t {\n${head}\n${chain}\n}`, more)
}

/** Whether a rule of matches alone accepts a packet. */
export function accepts(match: string, bytes: Uint8Array, told: Told = {}, family = 'inet'): boolean {
  return rules(`${match} accept`, { family }).ask(bytes, told).verdict === 'accept'
}
