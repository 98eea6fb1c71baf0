/** A packet of a capture, explained after those before it. */
import { openCapture } from '../../capture/open.js'
import type { CaptureReader } from '../../capture/reader.js'
import { sampleOf } from '../../explain/captured.js'
import { changesOf } from '../../explain/changes.js'
import type { ExplainedPacket } from '../../explain/described.js'
import { Explainer } from '../../explain/explain.js'
import type { Way } from '../../explain/host.js'
import { formatSample } from '../../language/traffic/samples.js'
import { Column } from '../../packet/packet.js'
import { guessHost } from '../../replay/guess.js'
import { LocalAddresses, parseLocal } from '../../replay/local.js'
import type { Ruleset } from '../../ruleset/model.js'
import { BadInput } from '../errors.js'

export interface CapturedPacket {
  readonly file: string
  /** From 1 on. */
  readonly number: number
  /** The host's own addresses, as `replay` reads them; missing: guessed. */
  readonly local?: readonly string[]
}

const CONNECTIONS = 262_144
const { saddr4, saddr6, daddr4, daddr6 } = Column

/** Rejects with CaptureError, ReplayError, RulesetError, and BadInput if there is no such packet. */
export async function explainCaptured(
  ruleset: Ruleset,
  { file, number, local: given }: CapturedPacket,
): Promise<ExplainedPacket> {
  const local = parseLocal(given ?? (await guessHost([file]))?.addresses ?? [])
  const isOurs = new LocalAddresses(local.addresses)
  const addresses = local.addresses.map(({ address, length }) => ({ address, length }))
  const wayOf = ({ packet, interfaces, interface: index }: CaptureReader): Way => {
    const { fields, family } = packet
    const isForUs = isOurs.has(fields, family, daddr4, daddr6)
    const isSent = isOurs.has(fields, family, saddr4, saddr6)
    const name = isSent && isForUs ? 'lo' : (interfaces[index]!.name ?? local.interfaces[1]!).slice(0, 15)
    if (isSent && !isForUs) return { direction: 'out', oif: name, addresses }
    return { direction: 'in', iif: name, addresses }
  }
  const reader = await openCapture(file)
  let explainer: Explainer | undefined
  try {
    while (await reader.fill()) {
      while (reader.next()) {
        const { packet } = reader
        const wire = reader.frame + reader.length - packet.network
        if (packet.family === 0) {
          if (reader.number === number) throw new BadInput(`packet ${number} of ${file} is no IP packet`)
          continue
        }
        const way = wayOf(reader)
        explainer ??= explainerOf(ruleset, reader)
        const time = packet.time[0]!
        if (reader.number < number) {
          explainer.judge(packet, way, time, wire)
          continue
        }
        const explanation = explainer.explain(packet, way, time, wire)
        const sample = sampleOf(packet, way, ruleset)
        const known = explainer
        const later = (wait: number) => known.judge(packet, way, time + wait, wire)
        return {
          title: `packet ${number} of ${file}: ${formatSample(sample)}`,
          explanation,
          changes: changesOf(ruleset, sample, explanation, later),
        }
      }
    }
  } finally {
    reader.close()
  }
  throw new BadInput(`${file} has ${reader.number} packets: there is no packet ${number}`)
}

function explainerOf(ruleset: Ruleset, reader: CaptureReader): Explainer {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
  return new Explainer(ruleset, {
    interfaces: reader.interfaces.flatMap(({ name }) => name?.slice(0, 15) ?? []),
    clock: { origin: reader.origin, timeZone },
    connections: CONNECTIONS,
    captured: true,
  })
}
