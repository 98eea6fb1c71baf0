/**
 * Makes examples/ai-server.pcapng: a minute and a half before the server of examples/ai-server.yaml, of clients, of one
 * that is in too much of a hurry, of strangers, and of something on the server that wants out.
 *
 *     npm run build && node dist/scripts/example-capture.js [FILE]
 */
import { Conversation, type Ends, exchange, type Segment, TcpFlags } from '../bench/conversation.js'
import { Direction, LinkType } from '../src/capture/link.js'
import { PcapngWriter } from '../src/capture/write.js'

const SERVER = { ipv4: '10.0.0.50', ipv6: 'fd00:10::50' }
/** 2026-03-01 09:00:00 UTC. */
const START = 1_772_355_600
const MILLISECOND = 1e6
const { syn: SYN, rst: RST, ack: ACK } = TcpFlags

interface Packet {
  /** Milliseconds from START on. */
  readonly at: number
  readonly frame: Uint8Array
  /** Whether the server sends it. */
  readonly sent: boolean
  readonly comment?: string
}

const packets: Packet[] = []
let port = 40_000

/** A connection's segments, some milliseconds apart; the comment is that of its first. */
function connect(
  at: number,
  ends: Omit<Ends, 'sport'>,
  segments: readonly Segment[],
  comment?: string,
): void {
  const conversation = new Conversation({ ...ends, sport: port++ }, [port * 1000, port * 2000])
  for (const [i, segment] of segments.entries()) {
    const frame = conversation.segment(segment).slice()
    const sent = (ends.source === SERVER.ipv4) !== segment[0]
    packets.push({ at: at + i * 3, frame, sent, ...(i === 0 && comment !== undefined ? { comment } : {}) })
  }
}

const to = (address: string, dport: number) => (source: string) => ({ source, destination: address, dport })
const ollama = to(SERVER.ipv4, 11_434)
const ollama6 = to(SERVER.ipv6, 11_434)
const webUI = to(SERVER.ipv4, 8080)
const ssh = to(SERVER.ipv4, 22)
const from = (destination: string, dport: number) => ({ source: SERVER.ipv4, destination, dport })

/** Nobody answers, so the sender tries again after one second and three. */
function unanswered(at: number, ends: Omit<Ends, 'sport'>, comment: string): void {
  const conversation = new Conversation({ ...ends, sport: port++ }, [port * 1000, 0])
  const frame = conversation.segment([false, SYN, 0]).slice()
  for (const wait of [0, 1000, 3000])
    packets.push({
      at: at + wait,
      frame,
      sent: ends.source === SERVER.ipv4,
      ...(wait === 0 ? { comment } : {}),
    })
}

// What a day at an AI server is made of.
for (let i = 0; i < 8; i++) connect(i * 9000, ollama('10.0.3.7'), exchange(600, 6, 1200), 'a question')
for (let i = 0; i < 5; i++) connect(500 + i * 14_000, ollama6('fd00:10:0:3::8'), exchange(400, 3, 900))
for (let i = 0; i < 6; i++)
  connect(250 + i * 11_000, webUI('10.0.0.100'), exchange(300, 4, 1400), 'the proxy')
connect(2000, ssh('10.0.0.5'), exchange(64, 10, 96), 'an admin')
for (let i = 0; i < 7; i++)
  connect(900 + i * 8000, from('10.0.2.10', 5432), exchange(200, 2, 700), 'PostgreSQL')
connect(4000, from('10.0.2.11', 6379), exchange(40, 1, 40), 'Redis')

// A client that asks thirty times within fifteen seconds: its limit is twenty in a minute.
for (let i = 0; i < 30; i++)
  connect(20_000 + i * 500, ollama('10.0.4.66'), exchange(80, 1, 300), `question ${i + 1}`)

// Strangers look for models to steal, and for a web UI and an SSH server to guess passwords at.
for (let i = 0; i < 12; i++) unanswered(10_000 + i * 700, ollama(`203.0.113.${9 + i}`), 'a scan for Ollama')
unanswered(31_000, ollama6('2001:db8:66::9'), 'the same over IPv6')
unanswered(33_000, webUI('10.0.3.7'), 'past the proxy')
for (let i = 0; i < 6; i++) unanswered(40_000 + i * 400, ssh('198.51.100.77'), 'passwords for SSH')
connect(
  45_000,
  ollama('203.0.113.9'),
  [
    [false, ACK, 0],
    [false, RST, 0],
  ],
  'a scan by ACK, for what answers',
)

// Something on the server wants to call home, and to tell by DNS what it has found.
for (let i = 0; i < 4; i++) unanswered(60_000 + i * 5000, from('198.51.100.9', 443), 'calls home')
const tunnel = new Conversation({ source: SERVER.ipv4, sport: 50_053, destination: '9.9.9.9', dport: 53 })
for (let i = 0; i < 10; i++)
  packets.push({
    at: 70_000 + i * 1000,
    frame: tunnel.datagram(false, 180).slice(),
    sent: true,
    comment: 'a tunnel in DNS',
  })

const file = process.argv[2] ?? 'examples/ai-server.pcapng'
const writer = new PcapngWriter(file)
const eth0 = writer.addInterface({ name: 'eth0', linkType: LinkType.ethernet, snapLength: 262_144 })
for (const { at, frame, sent, comment } of packets.toSorted((a, b) => a.at - b.at)) {
  const direction = sent ? Direction.outbound : Direction.inbound
  const notes = { direction, ...(comment === undefined ? {} : { comment }) }
  writer.write(eth0, START + Math.floor(at / 1000), (at % 1000) * MILLISECOND, frame, notes)
}
writer.close()
process.stdout.write(`${file}: ${packets.length} packets\n`)
