/** What both evaluators say of a packet, in the words of a diagram's outcomes. */
import { compile } from '../../../src/engine/compile/compile.js'
import { Engine, Verdict } from '../../../src/engine/judge.js'
import { ReferenceEngine } from '../../../src/engine/reference/evaluate.js'
import type { Packet } from '../../../src/packet/packet.js'
import type { Ruleset } from '../../../src/ruleset/model.js'
import { environment } from '../../support/environment.js'

export interface Said {
  readonly accepted: boolean
  /** Of an accepted packet. */
  readonly mark: number
}

type Judge = (packet: Packet) => Said

/** What the engine says. Names: of interfaces by their indexes. */
export function engineOf(ruleset: Ruleset, names: readonly string[]): Judge {
  const engine = new Engine(compile(ruleset), environment())
  for (const [index, name] of names.entries()) engine.learnInterface(index, name)
  return keeping((packet) => engine.judge(packet) === Verdict.accept)
}

/** What both say; throws if they differ. */
export function judges(ruleset: Ruleset, names: readonly string[]): Judge {
  const reference = new ReferenceEngine(ruleset, environment())
  for (const [index, name] of names.entries()) reference.interfaces.set(index, name)
  const says = [
    engineOf(ruleset, names),
    keeping((packet) => reference.judge(packet).verdict === 'accept'),
  ] as const
  return (packet) => {
    const [first, second] = [says[0](packet), says[1](packet)]
    if (first.accepted !== second.accepted || first.mark !== second.mark)
      throw new Error(`the engine says ${JSON.stringify(first)}, the reference ${JSON.stringify(second)}`)
    return first
  }
}

/** Leaves the packet as it was. */
function keeping(isAccepted: (packet: Packet) => boolean): Judge {
  return (packet) => {
    const { mark, ctState } = packet
    const accepted = isAccepted(packet)
    const said = { accepted, mark: accepted ? packet.mark >>> 0 : 0 }
    Object.assign(packet, { mark, ctState })
    return said
  }
}
