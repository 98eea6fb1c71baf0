/** TCP between two hosts: mostly as it should be, often not. */
import type { Random } from './random.js'
import { between, type Said, type Setting, type Talk } from './talk.js'
import { Flag, Protocol, packet, rawPacket, type Segment, tcp } from './wire.js'

const { fin: F, syn: S, rst: R, psh: P, ack: A, urg: U, ece: E, cwr: C } = Flag

/** What of a sender's state its peer can see. */
interface Side {
  /** The next sequence number it sends. */
  next: number
  /** Where the window ends that it has told: its peer's limit. */
  limit: number
  window: number
  scale: number
  synced: boolean
  finished: boolean
}

type Part = Omit<Segment, 'sport' | 'dport'>

const STARTS = [0, 1, 0xffffffff, 0xfffffff0, 0x7fffffff, 0x80000000, 0xffff0000]
const WINDOWS = [0, 1, 10, 100, 1000, 8192, 32768, 65535]
const LENGTHS = [0, 1, 2, 10, 100, 536, 1000]
/** What an odd number is off by: the neighbours of what matters to a window check. */
const OFFSETS = [1, -1, 2, -2, 10, -10, 100, 1000, -1000, 65535, -65535, 66000, -66000, 66001, -66001, 131072]
const FAR_OFFSETS = [-131072, 1000000, -1000000, 0x7fffffff, 0x80000000, -0x7fffffff]
const FLAGS = [S, S | A, A, A, A | P, F | A, R, R | A, F | A | U, S | U, A | U, S | E | C, A | E]
const BAD_FLAGS = [0, F, U, S | F, S | R, S | R | A, F | P | U, R | F, S | F | A, F | R | A, P, 255]
const SCALES = [0, 1, 2, 7, 14, 15, 255]

export class TcpTalk implements Talk {
  readonly #setting: Setting
  readonly #random: Random
  readonly #sides: readonly [Side, Side]
  readonly #sent: [0 | 1, Part][] = []
  /** Numbers that were or could have been in a header. */
  readonly #numbers: number[] = []
  readonly #wild: number
  #opened = false

  constructor(setting: Setting) {
    this.#setting = setting
    const random = setting.random
    this.#random = random
    const side = (): Side => ({
      next: random.chance(0.5) ? random.word() : random.pick(STARTS),
      limit: 0,
      window: random.pick(WINDOWS.slice(2)),
      scale: random.chance(0.5) ? -1 : random.pick(SCALES),
      synced: false,
      finished: false,
    })
    this.#sides = [side(), side()]
    this.#wild = random.pick([0, 0.05, 0.2, 0.6])
    // Some are picked up in their middle.
    if (random.chance(0.1)) this.#sides[0].synced = this.#sides[1].synced = this.#opened = true
  }

  next(): Said[] {
    const random = this.#random
    const from = random.below(2) as 0 | 1
    if (random.chance(this.#wild)) return [this.#say(from, this.#odd(from))]
    const move = random.weighted<'go on' | 'again' | 'nearly'>([
      [20, 'go on'],
      [2, 'again'],
      [1, 'nearly'],
    ])
    if (move === 'again' && this.#sent.length > 0) return [this.#say(...random.pick(this.#sent))]
    if (move === 'nearly' && this.#sent.length > 0) {
      const [who, part] = random.pick(this.#sent)
      return [this.#say(who, this.#bent(part))]
    }
    return [this.#proceed(from)]
  }

  /** What comes next if both keep to the protocol. */
  #proceed(from: 0 | 1): Said {
    const random = this.#random
    const me = this.#sides[from]
    const peer = this.#sides[1 - from]!
    if (!this.#opened && from === 1 && !me.synced && !random.chance(0.05)) return this.#proceed(0)
    this.#opened = true
    if (!me.synced) {
      me.synced = true
      const ack = peer.synced ? peer.next : 0
      return this.#send(from, { seq: me.next, ack, flags: peer.synced ? S | A : S, options: this.#hello(me) })
    }
    if (!peer.synced) {
      if (random.chance(0.7)) return this.#proceed((1 - from) as 0 | 1)
      return this.#say(from, this.#sent.findLast(([who]) => who === from)?.[1] ?? this.#odd(from))
    }
    if (random.chance(0.2)) me.window = random.pick(WINDOWS)
    const reset = random.chance(0.03)
    const end = !reset && !me.finished && random.chance(me.finished || peer.finished ? 0.4 : 0.06)
    if (end) me.finished = true
    const length = reset || me.finished || random.chance(0.4) ? 0 : random.pick(LENGTHS)
    const flags = reset ? random.pick([R, R | A]) : A | (end ? F : 0) | (length > 0 ? P : 0)
    const options = random.chance(0.2) ? this.#options() : []
    return this.#send(from, { seq: me.next, ack: flags & A ? peer.next : 0, flags, length, options })
  }

  #send(from: 0 | 1, part: Omit<Part, 'window'>): Said {
    const me = this.#sides[from]
    const scale = part.flags & S || me.scale < 0 ? 0 : Math.min(me.scale, 14)
    const whole = { ...part, window: me.window >> scale || me.window }
    const length = (part.length ?? 0) + (part.flags & S ? 1 : 0) + (part.flags & F ? 1 : 0)
    me.next = (me.next + length) >>> 0
    if (part.flags & A) me.limit = (part.ack! + (whole.window << scale)) >>> 0
    this.#note(part.seq, me.next, part.ack ?? 0, me.limit)
    this.#sent.push([from, whole])
    if (this.#sent.length > 12) this.#sent.shift()
    return this.#say(from, whole)
  }

  #note(...numbers: number[]): void {
    this.#numbers.push(...numbers)
    while (this.#numbers.length > 24) this.#numbers.splice(this.#random.below(8), 1)
  }

  /** A segment of a stranger, or of somebody who guesses. */
  #odd(from: 0 | 1): Part {
    const random = this.#random
    const flags = random.chance(0.9) ? random.pick(FLAGS) : random.pick(BAD_FLAGS)
    const plain = random.chance(0.4)
    return {
      seq: plain ? this.#sides[from].next : this.#number(),
      ack: flags & A || random.chance(0.1) ? (plain ? this.#sides[1 - from]!.next : this.#number()) : 0,
      flags,
      window: random.pick(WINDOWS),
      length: random.pick(LENGTHS),
      options: flags & S ? this.#hello(random.pick(this.#sides)) : random.chance(0.3) ? this.#options() : [],
    }
  }

  /** A segment that was sent, with something else in one place. */
  #bent(part: Part): Part {
    const random = this.#random
    const off = random.pick(random.chance(0.8) ? OFFSETS : FAR_OFFSETS)
    return random.pick<() => Part>([
      () => ({ ...part, seq: (part.seq + off) >>> 0 }),
      () => ({ ...part, ack: ((part.ack ?? 0) + off) >>> 0 }),
      () => ({ ...part, window: random.pick(WINDOWS) }),
      () => ({ ...part, flags: random.pick(FLAGS) }),
      () => ({ ...part, length: random.pick(LENGTHS) }),
      () => ({ ...part, options: this.#options() }),
    ])()
  }

  #number(): number {
    const random = this.#random
    if (this.#numbers.length === 0 || random.chance(0.05)) return random.chance(0.5) ? 0 : random.word()
    const number = random.pick(this.#numbers)
    if (random.chance(0.4)) return number
    return (number + random.pick(random.chance(0.9) ? OFFSETS : FAR_OFFSETS)) >>> 0
  }

  /** The options of a SYN. */
  #hello(me: Side): number[] {
    const random = this.#random
    const options: number[] = random.chance(0.5) ? [2, 4, 5, 180] : []
    if (random.chance(0.5)) options.push(4, 2)
    if (me.scale >= 0) options.push(1, 3, 3, me.scale)
    if (random.chance(0.2)) options.push(8, 10, ...random.bytes(8))
    if (random.chance(0.1)) options.push(0, 3, 3, 9)
    if (random.chance(0.05)) options.push(random.pick([3, 2, 254]), random.pick([0, 1, 2, 3, 40]))
    return options.slice(0, 40)
  }

  /** The options of a segment in the middle: time stamps, selective acknowledgements, rubbish. */
  #options(): number[] {
    const random = this.#random
    const options: number[] = random.chance(0.5) ? [1, 1, 8, 10, ...random.bytes(8)] : []
    if (random.chance(0.6)) {
      const blocks = 1 + random.below(3)
      options.push(1, 1, 5, 2 + blocks * 8 + (random.chance(0.05) ? random.pick([-1, 1, 4]) : 0))
      for (let edge = 0; edge < blocks * 2; edge++) {
        const number = this.#number()
        options.push(number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255)
      }
    }
    if (random.chance(0.1)) options.push(...random.bytes(1 + random.below(8)))
    return options.slice(0, 40)
  }

  #say(from: 0 | 1, part: Part): Said {
    const random = this.#random
    const [sport, dport] = from === 0 ? this.#setting.ports : [...this.#setting.ports].reverse()
    const payload = tcp({ sport: sport!, dport: dport!, ...part })
    if (random.chance(0.01)) return this.#broken(from, payload)
    return between(this.#setting, from, { protocol: Protocol.tcp, payload })
  }

  #broken(from: 0 | 1, payload: Uint8Array): Said {
    const random = this.#random
    if (random.chance(0.3)) {
      return between(this.#setting, from, { protocol: Protocol.tcp, payload }, rawPacket)
    }
    if (random.chance(0.5)) payload[12] = random.below(256)
    else payload = payload.subarray(0, random.below(Math.min(payload.length, 24)))
    return between(this.#setting, from, { protocol: Protocol.tcp, payload }, packet)
  }
}
