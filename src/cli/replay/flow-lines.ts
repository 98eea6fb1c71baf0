import { LRUCache } from 'lru-cache'
import type { JudgedPacket } from '../../replay/replay.js'
import { type Ends, endsOf } from './packet-line.js'

/** Flows that are open at a time: of more, the one that was silent for longest is written. */
const MOST_FLOWS = 65_536

interface Flow {
  readonly ends: Ends
  readonly first: string
  last: string
  packets: number
  bytes: number
  /** Packets by verdict, and by the rules that decided. */
  readonly verdicts: Record<string, number>
  readonly rules: Record<string, number>
}

/** Gathers the packets of flows, either way round, and writes a line of JSON for each flow: in bounded memory. */
export class FlowLines {
  readonly #flows: LRUCache<string, Flow>

  constructor(print: (line: string) => void) {
    this.#flows = new LRUCache({ max: MOST_FLOWS, dispose: (flow) => print(lineOf(flow)) })
  }

  add(judged: JudgedPacket): void {
    const { packet, time, outcome, decider } = judged
    const ends = endsOf(packet)
    if (ends === undefined) return
    const flow = this.#flowOf(ends, time)
    flow.last = time
    flow.packets++
    flow.bytes += packet.length
    flow.verdicts[outcome] = (flow.verdicts[outcome] ?? 0) + 1
    if (decider === undefined) return
    const rule = decider.place ?? decider.name ?? decider.text
    flow.rules[rule] = (flow.rules[rule] ?? 0) + 1
  }

  /** Writes what is still open. */
  end(): void {
    this.#flows.clear()
  }

  #flowOf(ends: Ends, time: string): Flow {
    const { protocol, source, sport = '', destination, dport = '' } = ends
    const key = `${protocol} ${source} ${sport} ${destination} ${dport}`
    const known =
      this.#flows.get(key) ?? this.#flows.get(`${protocol} ${destination} ${dport} ${source} ${sport}`)
    if (known !== undefined) return known
    const flow = { ends, first: time, last: time, packets: 0, bytes: 0, verdicts: {}, rules: {} }
    this.#flows.set(key, flow)
    return flow
  }
}

function lineOf({ ends, ...flow }: Flow): string {
  return JSON.stringify({ ...ends, ...flow })
}
