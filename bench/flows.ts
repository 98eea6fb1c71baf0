/** How many packets a second does the flow tracker follow, and does it stay within its memory? */
import { Flows, type FlowsOptions } from '../src/engine/state/flows/flows.js'
import { Column, CtState, Hook, Packet } from '../src/packet/packet.js'
import { nanoseconds, type Report } from './report.js'
import { random } from './traffic.js'

const FLOWS = 100_000
const PACKETS = 400_000
const TABLE = 262_144
const DISTINCT = 10_000_000

const TCP = 6
const UDP = 17
const [SYN, ACK, SYN_ACK, PSH_ACK] = [2, 16, 18, 24]
const HANDSHAKE = [
  [false, SYN],
  [true, SYN_ACK],
  [false, ACK],
] as const

/** Packets that a flow says in a row before another does: hosts send in trains; 1 is the worst that can come. */
const TRAIN = 8

export function flows(report: Report): void {
  for (const [name, protocol, ipv6, payload, checksum, train] of [
    ['TCP', TCP, false, 0, false, TRAIN],
    ['TCP, every packet of another flow', TCP, false, 0, false, 1],
    ['TCP, checksums', TCP, false, 0, true, TRAIN],
    ['TCP, checksums of 1,460 bytes', TCP, false, 1460, true, TRAIN],
    ['TCP over IPv6', TCP, true, 0, false, TRAIN],
    ['UDP', UDP, false, 0, false, TRAIN],
  ] as const) {
    const line = new Line(payload > 0 ? PACKETS / 10 : PACKETS, ipv6, payload)
    const value = steady(line, protocol, train, { checksum })
    const rivalValue = mapped(line)
    const ratio = rivalValue / value
    report({
      bench: 'flows',
      case: name,
      value,
      unit: 'ns/packet',
      rival: 'a Map of objects',
      rivalValue,
      ratio,
    })
  }
  flood(report)
  const bytes = new Flows({ seeds: [1, 2], size: TABLE }).memory / TABLE
  report({ bench: 'flows', case: 'memory', value: bytes, unit: 'bytes/flow' })
}

/** Packets one behind the other in one buffer. */
class Line {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly count: number
  /** Bytes of a packet. */
  readonly size: number
  readonly ipv6: boolean

  constructor(count: number, ipv6: boolean, payload: number) {
    this.count = count
    this.ipv6 = ipv6
    this.size = (ipv6 ? 40 : 20) + 20 + payload
    this.bytes = new Uint8Array(count * this.size)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Writes the i-th: a packet of a flow's number, in a direction; with its checksum if it is TCP's. */
  write(i: number, protocol: number, flow: number, reply: boolean, flags: number): void {
    const { view, size } = this
    const at = i * size
    const header = this.ipv6 ? 40 : 20
    const [client, server] = [0x0a000000 + (flow >>> 8), 0x0a800001]
    if (this.ipv6) {
      view.setUint16(at, 0x6000)
      view.setUint16(at + 4, size - 40)
      view.setUint8(at + 6, protocol)
      for (const place of [8, 24]) view.setUint32(at + place, 0xfd000000)
      view.setUint32(at + 20, reply ? server : client)
      view.setUint32(at + 36, reply ? client : server)
    } else {
      view.setUint16(at, 0x4500)
      view.setUint16(at + 2, size)
      view.setUint8(at + 8, 64)
      view.setUint8(at + 9, protocol)
      view.setUint32(at + 12, reply ? server : client)
      view.setUint32(at + 16, reply ? client : server)
    }
    const transport = at + header
    const [port, service] = [1024 + (flow & 0xff), 443]
    view.setUint16(transport, reply ? service : port)
    view.setUint16(transport + 2, reply ? port : service)
    if (protocol === UDP) {
      view.setUint16(transport + 4, size - header)
      return
    }
    view.setUint32(transport + 4, (reply ? 5000 : 1000) + (flags & SYN ? 0 : 1))
    view.setUint32(transport + 8, flags & ACK ? (reply ? 1001 : 5001) : 0)
    view.setUint8(transport + 12, 0x50)
    view.setUint8(transport + 13, flags)
    view.setUint16(transport + 14, 65535)
    view.setUint16(transport + 16, 0)
    view.setUint16(transport + 16, this.#sum(at, header, protocol))
  }

  #sum(at: number, header: number, protocol: number): number {
    const first = at + (this.ipv6 ? 8 : 12)
    let sum = protocol + this.size - header
    for (let place = first; place < at + this.size; place += 2) sum += this.view.getUint16(place)
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
    return ~sum & 0xffff
  }
}

/** Runs packets of a line through the tracker; 200,000 packets a second by their clock. */
function run(tracker: Flows, packet: Packet, line: Line, count: number): void {
  const { size } = line
  for (let i = 0; i < count; i++) {
    packet.parse(i * size, size)
    packet.time[0]! += 5000
    packet.ctState = CtState.invalid
    if (tracker.track(packet)) tracker.confirm(packet)
  }
}

/** Nanoseconds for a packet of any of the flows, which are open: parsed, tracked, confirmed. Leaves such packets in `line`. */
function steady(line: Line, protocol: number, train: number, options: Partial<FlowsOptions>): number {
  const tracker = new Flows({ seeds: [1, 2], size: TABLE, ...options })
  const packet = new Packet()
  packet.hook = Hook.prerouting
  packet.attach(line.bytes)
  const { count } = line
  for (const [reply, flags] of HANDSHAKE) {
    for (let flow = 0; flow < FLOWS; flow += count) {
      const some = Math.min(count, FLOWS - flow)
      for (let i = 0; i < some; i++) line.write(i, protocol, flow + i, reply, flags)
      run(tracker, packet, line, some)
    }
  }
  const next = random(FLOWS)
  let flow = 0
  for (let i = 0; i < count; i++) {
    if (i % train === 0) flow = Math.floor(next() * FLOWS)
    const reply = next() < 0.5
    line.write(i, protocol, flow, reply, reply ? ACK : PSH_ACK)
  }
  const value = nanoseconds((packets) => run(tracker, packet, line, packets), count)
  if (tracker.entries !== FLOWS || tracker.invalid > 0) throw new Error('not all flows are open')
  return value
}

/** The same with a Map from what tells a flow, as text, to what is known of it: only that both sides have spoken. */
function mapped(line: Line): number {
  const table = new Map<string, { replied: boolean; expires: number }>()
  const packet = new Packet()
  packet.attach(line.bytes)
  const { fields } = packet
  const [family, ports, addresses] = line.ipv6 ? [Column.saddr6, 4, 4] : [Column.saddr4, 1, 1]
  const key = (reply: boolean) => {
    const source = fields.subarray(family, family + addresses).join()
    const destination = fields.subarray(family + ports, family + ports + addresses).join()
    const [from, to] = [`${source}:${fields[Column.sport]}`, `${destination}:${fields[Column.dport]}`]
    return `${fields[Column.l4proto]} ${reply ? `${to} ${from}` : `${from} ${to}`}`
  }
  let now = 0
  return nanoseconds(
    (packets) => {
      for (let i = 0; i < packets; i++) {
        packet.parse(i * line.size, line.size)
        now += 5000
        const known = table.get(key(false)) ?? table.get(key(true))
        if (known === undefined) table.set(key(false), { replied: false, expires: now + 3e10 })
        else known.expires = now + 3e10
      }
    },
    line.count,
    3,
  )
}

/** Ten million flows of one packet each, more than there is room for. */
function flood(report: Report): void {
  const tracker = new Flows({ seeds: [1, 2], size: TABLE })
  const packet = new Packet()
  packet.hook = Hook.prerouting
  const line = new Line(1, false, 0)
  packet.attach(line.bytes)
  line.write(0, UDP, 0, false, 0)
  const before = process.memoryUsage()
  const held = before.heapUsed + before.arrayBuffers
  let most = 0
  const start = process.hrtime.bigint()
  for (let flow = 0; flow < DISTINCT; flow++) {
    line.view.setUint32(12, 0x0a000000 + (flow >>> 10))
    line.view.setUint16(20, 1024 + (flow & 1023))
    run(tracker, packet, line, 1)
    if (tracker.entries > most) most = tracker.entries
  }
  const value = Number(process.hrtime.bigint() - start) / DISTINCT
  const after = process.memoryUsage()
  const name = '10 million new flows, room for 262,144'
  report({ bench: 'flows', case: name, value, unit: 'ns/packet' })
  report({ bench: 'flows', case: name, value: most, unit: 'entries' })
  report({
    bench: 'flows',
    case: name,
    value: (after.heapUsed + after.arrayBuffers - held) / 2 ** 20,
    unit: 'MiB grown',
  })
  if (most > TABLE) throw new Error(`${most} entries where there is room for ${TABLE}`)
  report({ bench: 'flows', case: name, value: tracker.dropped, unit: 'turned away' })
}
