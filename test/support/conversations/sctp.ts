/** SCTP between two hosts: associations that open, carry data, beat and end, and chunks out of place. */
import { between, type Said, type Setting, type Talk } from './talk.js'
import { type Chunk, Protocol, packet, rawPacket, sctp } from './wire.js'

export const ChunkType = {
  data: 0,
  init: 1,
  initAck: 2,
  sack: 3,
  heartbeat: 4,
  heartbeatAck: 5,
  abort: 6,
  shutdown: 7,
  shutdownAck: 8,
  error: 9,
  cookieEcho: 10,
  cookieAck: 11,
  shutdownComplete: 14,
} as const

const T = ChunkType
/** Who says what in an association that goes well. */
const SCRIPT: readonly (readonly [0 | 1, number])[] = [
  [0, T.init],
  [1, T.initAck],
  [0, T.cookieEcho],
  [1, T.cookieAck],
  [0, T.data],
  [1, T.sack],
  [0, T.heartbeat],
  [1, T.heartbeatAck],
  [1, T.data],
  [0, T.shutdown],
  [1, T.shutdownAck],
  [0, T.shutdownComplete],
]
const TYPES = [...Object.values(T), 15, 64, 192]

export class AssociationTalk implements Talk {
  readonly #setting: Setting
  /** The tags that each side wants to be called by. */
  readonly #tags: readonly [number, number]
  readonly #wild: number
  #line: number

  constructor(setting: Setting) {
    const { random } = setting
    this.#setting = setting
    this.#tags = [random.word(), random.chance(0.1) ? 0 : random.word()]
    this.#wild = random.pick([0, 0.1, 0.4])
    this.#line = random.chance(0.8) ? 0 : random.below(SCRIPT.length)
  }

  next(): Said[] {
    const { random } = this.#setting
    if (random.chance(this.#wild)) {
      const chunks = [random.pick(TYPES)]
      while (random.chance(0.3)) chunks.push(random.pick(TYPES))
      return [this.#say(random.below(2) as 0 | 1, chunks)]
    }
    if (random.chance(0.1)) this.#line = Math.max(0, this.#line - 1)
    // Sometimes both begin.
    if (this.#line < 3 && random.chance(0.1)) return [this.#say(random.below(2) as 0 | 1, [T.init])]
    const [from, type] = SCRIPT[this.#line % SCRIPT.length]!
    this.#line++
    return [this.#say(from, type === T.cookieEcho && random.chance(0.3) ? [type, T.data] : [type])]
  }

  #say(from: 0 | 1, types: readonly number[]): Said {
    const { random, ports } = this.#setting
    const first = types[0]
    let tag = first === T.init ? 0 : this.#tags[1 - from]!
    if (random.chance(0.1)) tag = random.pick([0, 1, ...this.#tags, random.word()])
    const chunks = types.map((type): Chunk => {
      const flags = random.chance(0.1) ? 1 : 0
      if (type !== T.init && type !== T.initAck) return { type, flags, value: random.bytes(random.below(12)) }
      const value = random.chance(0.95) ? new Uint8Array(16) : new Uint8Array(random.below(16))
      const own = random.chance(0.95) ? this.#tags[from] : random.word()
      if (value.length >= 4) new DataView(value.buffer).setUint32(0, own)
      return { type, flags, value }
    })
    const payload = sctp(ports[from]!, ports[1 - from]!, tag, chunks)
    if (random.chance(0.02)) payload[8]! ^= 1
    if (random.chance(0.02) && payload.length > 16) new DataView(payload.buffer).setUint16(14, 0)
    const whole = random.chance(0.98) ? payload : payload.subarray(0, random.below(payload.length))
    return between(
      this.#setting,
      from,
      { protocol: Protocol.sctp, payload: whole },
      random.chance(0.5) ? packet : rawPacket,
    )
  }
}
