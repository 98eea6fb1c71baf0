import type { Packet } from '../../packet/packet.js'
import { CtState } from '../../packet/packet.js'
import type { Expression, Mangle } from '../../ruleset/model.js'
import { typeOf } from '../../ruleset/types.js'
import { type Connections, Outcome, type OutcomeNumber, type Step } from '../environment.js'
import { widthOf } from '../state/sets/words.js'
import type { Context } from './context.js'
import { numberOf } from './elements.js'
import { createReader } from './expression.js'
import { KEY_WORDS } from './lookup.js'
import type { Reader } from './reader.js'

const { break: BREAK, continue: CONTINUE } = Outcome
const { untracked: UNTRACKED, invalid: INVALID } = CtState

type Write = (packet: Packet, value: Int32Array, last: number) => void

/** Sets something of the packet's metadata or of its connection. */
export function createMangle({ key, value }: Mangle, context: Context): Step {
  const type = typeOf(key)?.[0]?.type
  const constant = value.kind === 'value' && type !== undefined
  const written: Expression = constant ? { kind: 'flags', bits: numberOf(BigInt(value.value), type) } : value
  const reader = createReader(written, context)
  if (key.kind === 'ct') return new MangleStep(reader, ofConnection(key.key, context.connections!))
  return new MangleStep(reader, OF_PACKET[key.kind === 'meta' ? key.key : '']!)
}

const OF_PACKET: Readonly<Record<string, Write>> = {
  mark: (packet, value, last) => {
    packet.mark = value[last]!
  },
  priority: (packet, value, last) => {
    packet.priority = value[last]!
  },
  pkttype: (packet, value, last) => {
    packet.pkttype = value[last]! & 0xff
  },
  // Only tells the kernel to trace the packet.
  nftrace: () => {},
}

/** The keys of the packet that a rule may set. */
export const SETTABLE: ReadonlySet<string> = new Set(Object.keys(OF_PACKET))

function ofConnection(key: string, connections: Connections): Write {
  if (key === 'mark')
    return (packet, value, last) => {
      if (packet.flow >= 0) connections.setMark(packet.flow, value[last]!)
    }
  if (key === 'label')
    return (packet, value, last) => {
      if (packet.flow < 0) return
      // Only the words that the value has: further bits stay as they are.
      for (let word = 0; word <= Math.min(last, 3); word++) {
        const bits = connections.label(packet.flow, word) | value[last - word]!
        connections.setLabel(packet.flow, word, bits)
      }
    }
  return () => {}
}

class MangleStep implements Step {
  readonly #reader: Reader
  readonly #write: Write
  readonly #last: number
  readonly #value = new Int32Array(KEY_WORDS)

  constructor(reader: Reader, write: Write) {
    this.#reader = reader
    this.#write = write
    this.#last = widthOf(reader.bits) - 1
  }

  run(packet: Packet): OutcomeNumber {
    if (!this.#reader.read(packet, this.#value, 0)) return BREAK
    this.#write(packet, this.#value, this.#last)
    return CONTINUE
  }
}

/** The packet will not be tracked; one that is already stays as it is (nft_notrack_eval). */
export class NotrackStep implements Step {
  run(packet: Packet): OutcomeNumber {
    if (packet.flow < 0 && (packet.ctState === INVALID || packet.ctState === 0)) packet.ctState = UNTRACKED
    return CONTINUE
  }
}
