/** Datagrams in fragments: in order or not, twice, overlapping, with holes. */
import type { Random } from './random.js'
import { between, type Said, type Setting, type Talk } from './talk.js'
import { Flag, icmp, Protocol, packet, rawPacket, tcp, udp } from './wire.js'

interface Piece {
  start: number
  end: number
  more: boolean
  tos: number
}

export class FragmentTalk implements Talk {
  readonly #setting: Setting
  #id: number

  constructor(setting: Setting) {
    this.#setting = setting
    this.#id = setting.random.below(65536)
  }

  next(): Said[] {
    const { random, addresses, ports } = this.#setting
    const from = random.below(2) as 0 | 1
    const version = addresses[0].includes(':') ? 6 : 4
    const [sport, dport] = [ports[from]!, ports[1 - from]!]
    const size = random.pick([4, 17, 64, 200, 500])
    const [protocol, payload] = random.pick<() => [number, Uint8Array]>([
      () => [Protocol.udp, udp(sport, dport, size)],
      () => [
        Protocol.tcp,
        tcp({ sport, dport, seq: 1, flags: random.pick([Flag.syn, Flag.ack]), length: size }),
      ],
      () => (version === 6 ? [Protocol.icmp6, icmp(128, 0, 7 << 16)] : [Protocol.icmp, icmp(8, 0, 7 << 16)]),
      () => [253, random.bytes(size)],
    ])()
    const source = addresses[from]
    const whole = packet({ source, destination: addresses[1 - from]!, protocol, payload })
    const data = whole.subarray(version === 6 ? 40 : 20)
    if (random.chance(0.8)) this.#id = (this.#id + 1) & 0xffff
    const extensions = version === 6 && random.chance(0.2) ? [random.pick([0, 60])] : []
    return disturbed(random, cut(random, data.length)).map(({ start, end, more, tos }) =>
      between(
        this.#setting,
        from,
        {
          protocol,
          payload: data.subarray(start, end),
          fragmentOffset: start,
          moreFragments: more,
          id: this.#id,
          tos,
          extensions,
          ttl: 64,
        },
        rawPacket,
      ),
    )
  }
}

function cut(random: Random, length: number): Piece[] {
  const tos = random.chance(0.9) ? 0 : random.below(4)
  const pieces: Piece[] = []
  for (let start = 0; start < length; ) {
    const end = Math.min(length, start + 8 * (1 + random.below(random.pick([2, 8, 40]))))
    pieces.push({ start, end, more: end < length, tos: random.chance(0.97) ? tos : random.below(4) })
    start = end
  }
  return pieces
}

function disturbed(random: Random, pieces: Piece[]): Piece[] {
  if (random.chance(0.4)) return pieces
  let disturbed = random.chance(0.6) ? random.shuffled(pieces) : pieces
  if (random.chance(0.2)) disturbed = disturbed.filter(() => random.chance(0.8))
  if (random.chance(0.3)) {
    // The same again, or two in one.
    const at = random.below(disturbed.length + 1)
    const base = random.pick(pieces)
    const other = random.pick(pieces)
    const both = { ...base, start: Math.min(base.start, other.start), end: Math.max(base.end, other.end) }
    disturbed = disturbed.toSpliced(
      at,
      0,
      random.chance(0.5) ? base : { ...both, more: both.end < pieces.at(-1)!.end },
    )
  }
  if (random.chance(0.2) && disturbed.length > 0) {
    const at = random.below(disturbed.length)
    const piece = disturbed[at]!
    const bent = random.pick<() => Piece>([
      () => ({ ...piece, start: Math.max(0, piece.start - 8) }),
      () => ({ ...piece, end: Math.max(piece.start, piece.end - random.below(9)) }),
      () => ({ ...piece, more: !piece.more }),
      () => ({ ...piece, end: piece.start }),
    ])()
    disturbed = disturbed.with(at, bent)
  }
  return disturbed
}
