/** Captures of conversations with the chapter's server, as large as asked for. */
import { LinkType } from '../src/capture/link.js'
import { PcapWriter } from '../src/capture/write.js'
import { Conversation, exchange, type Segment } from './conversation.js'
import { random } from './traffic.js'

/** Conversations that go on at a time. */
const OPEN = 1000
/** Nanoseconds between two packets. */
const APART = 20_000
const START = 1_700_000_000
/** Segments that hosts send in a row at most before another conversation goes on. */
const TRAIN = 4

interface Talk {
  readonly conversation: Conversation
  readonly script: readonly Segment[]
  next: number
}

/**
 * Writes so many packets, of questions to Ollama and their answers, of the web UI, of the data stores, and of a tenth as
 * many strangers who get no answer. Payload: bytes of an answer's packet.
 */
export function writeConversations(file: string, packets: number, payload: number): void {
  const writer = new PcapWriter(file, LinkType.ethernet)
  const next = random(8)
  const answer = exchange(Math.min(payload, 400), 8, payload)
  const opening = answer.slice(0, 1)
  const talks = Array.from({ length: OPEN }, begin)
  for (let written = 0; written < packets; ) {
    const i = Math.floor(next() * OPEN)
    const talk = talks[i]!
    const train = 1 + Math.floor(next() * TRAIN)
    for (let sent = 0; sent < train && written < packets && talk.next < talk.script.length; sent++) {
      const frame = talk.conversation.segment(talk.script[talk.next++]!)
      const time = written++ * APART
      writer.write(START + Math.floor(time / 1e9), time % 1e9, frame)
    }
    if (talk.next === talk.script.length) talks[i] = begin()
  }
  writer.close()

  function begin(): Talk {
    const kind = next()
    const [source, destination, dport] = ends(kind, Math.floor(next() * 250))
    const sport = 1024 + Math.floor(next() * 60_000)
    const sequence = [Math.floor(next() * 2 ** 32), Math.floor(next() * 2 ** 32)] as const
    const conversation = new Conversation({ source, sport, destination, dport }, sequence)
    return { conversation, script: kind < 0.6 ? opening : answer, next: 0 }
  }
}

/** Of twenty conversations twelve are strangers', who say one packet each. */
function ends(kind: number, host: number): [string, string, number] {
  if (kind < 0.6) return [`203.0.113.${host}`, '10.0.0.50', 11_434]
  if (kind < 0.8) return ['10.0.0.100', '10.0.0.50', 8080]
  if (kind < 0.9) return ['10.0.0.50', '10.0.2.10', 5432]
  return [`10.0.3.${host}`, '10.0.0.50', 11_434]
}
