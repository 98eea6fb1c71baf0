/** What is not TCP: datagrams, messages, tunnels, rubbish. */
import { addressBytes } from '../packets.js'
import type { Random } from './random.js'
import { between, type Said, type Setting, type Talk } from './talk.js'
import { icmp, Protocol, packet, rawPacket, udp } from './wire.js'

const isIPv6 = ({ addresses }: Setting) => addresses[0].includes(':')

/** UDP or UDP-Lite. */
export class DatagramTalk implements Talk {
  readonly #setting: Setting
  readonly #protocol: number
  readonly #eager: number

  constructor(setting: Setting, protocol: number = Protocol.udp) {
    this.#setting = setting
    this.#protocol = protocol
    this.#eager = setting.random.pick([0, 0.2, 0.5])
  }

  next(): Said[] {
    const { random, ports } = this.#setting
    const from = random.chance(this.#eager) ? 1 : 0
    const [sport, dport] = [ports[from]!, ports[1 - from]!]
    const lite = this.#protocol === Protocol.udplite
    const length = random.below(40)
    const payload = udp(sport, dport, length, lite ? random.pick([0, 8, 8 + length]) : undefined)
    // The kernel takes UDP-Lite for UDP when it checks the sum.
    const summedAs = lite && random.chance(0.8) ? Protocol.udp : this.#protocol
    const say = (bytes: Uint8Array, build = packet) => [
      between(this.#setting, from, { protocol: this.#protocol, payload: bytes, summedAs }, build),
    ]
    if (random.chance(0.9)) return say(payload)
    const view = new DataView(payload.buffer)
    switch (random.below(4)) {
      case 0:
        view.setUint16(4, random.pick([0, 1, 7, 8, 9, 8 + length, 9 + length, 65535]))
        return say(payload)
      case 1:
        return say(payload.subarray(0, random.below(10)))
      case 2:
        return say(payload, rawPacket)
      default:
        view.setUint16(6, random.below(65536))
        return say(payload, rawPacket)
    }
  }
}

const REQUESTS = { 4: [8, 13, 15, 17], 6: [128, 139] }
const REPLIES = { 4: [0, 14, 16, 18], 6: [129, 140] }

/** Echos and the other messages that ask and answer. */
export class MessageTalk implements Talk {
  readonly #setting: Setting
  readonly #id: number
  readonly #kind: number
  readonly #code: number

  constructor(setting: Setting) {
    const { random } = setting
    this.#setting = setting
    this.#id = random.below(4)
    this.#kind = random.below(isIPv6(setting) ? 2 : 4)
    this.#code = random.chance(0.9) ? 0 : random.below(3)
  }

  next(): Said[] {
    const { random } = this.#setting
    const version = isIPv6(this.#setting) ? 6 : 4
    const request = random.chance(0.5)
    const from = (request === random.chance(0.95) ? 0 : 1) as 0 | 1
    let type = (request ? REQUESTS : REPLIES)[version][this.#kind]!
    if (random.chance(0.1)) type = random.below(256)
    const message = icmp(type, this.#code, (this.#id << 16) | random.below(100))
    // The other version's protocol number now and then, which makes no sense.
    const own = version === 6 ? Protocol.icmp6 : Protocol.icmp
    const protocol = random.chance(0.98) ? own : Protocol.icmp + Protocol.icmp6 - own
    const payload = random.chance(0.97) ? message : message.subarray(0, random.below(12))
    const build = random.chance(0.98) ? packet : rawPacket
    return [
      between(
        this.#setting,
        from,
        { protocol, payload, ttl: random.chance(0.8) ? 64 : random.pick([1, 13, 255]) },
        build,
      ),
    ]
  }
}

/** Errors about packets that have been heard, from anybody to anybody. */
export class ErrorTalk implements Talk {
  readonly #setting: Setting

  constructor(setting: Setting) {
    this.#setting = setting
  }

  next(): Said[] {
    const { random, heard } = this.#setting
    const about = heard.length === 0 ? random.bytes(60) : Uint8Array.from(random.pick(heard))
    const version = about[0]! >> 4
    const type = random.chance(0.9)
      ? random.pick(version === 6 ? [1, 2, 3, 4, 137] : [3, 4, 5, 11, 12])
      : random.below(256)
    if (random.chance(0.1) && about.length > 0) about[random.below(about.length)]! ^= 1 << random.below(8)
    const cut = random.chance(0.7)
      ? about.length
      : random.chance(0.5)
        ? random.below(about.length + 1)
        : (version === 6 ? 40 : 20) + random.below(12)
    const quoted = about.subarray(0, Math.min(cut, 900))
    const redirect = version === 6 && type === 137 && random.chance(0.8)
    const error = redirect
      ? redirection(random, quoted)
      : icmp(type, random.below(5), random.chance(0.9) ? 0 : random.word(), quoted)
    const from = random.below(2) as 0 | 1
    // An error goes to the sender of what it is about; sometimes to another.
    const sender = addressOf(about)
    const spec = {
      protocol: version === 6 ? Protocol.icmp6 : Protocol.icmp,
      payload: error,
      ttl: random.chance(0.3) ? 255 : 64,
    }
    if (sender === undefined || random.chance(0.15) || sender.includes(':') !== isIPv6(this.#setting)) {
      return [between(this.#setting, from, spec)]
    }
    const source = redirect && random.chance(0.8) ? 'fe80::9' : this.#setting.addresses[from]
    return [{ from, bytes: packet({ ...spec, source, destination: sender }) }]
  }
}

/** A redirect of ICMPv6, which quotes in an option. */
function redirection(random: Random, quoted: Uint8Array): Uint8Array {
  const body = new Uint8Array(40 + quoted.length)
  body[32] = random.chance(0.9) ? 4 : 2
  body[33] = random.chance(0.9) ? Math.ceil((8 + quoted.length) / 8) & 255 : 0
  body.set(quoted, 40)
  return icmp(
    137,
    random.chance(0.9) ? 0 : 1,
    0,
    body.subarray(0, random.chance(0.9) ? body.length : random.below(44)),
  )
}

/** The source of a packet as text, if it is one. */
function addressOf(bytes: Uint8Array): string | undefined {
  const version = bytes[0]! >> 4
  if (version === 4 && bytes.length >= 20) return bytes.subarray(12, 16).join('.')
  if (version !== 6 || bytes.length < 40) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return Array.from({ length: 8 }, (_, i) => view.getUint16(8 + i * 2).toString(16)).join(':')
}

/** Neighbour discovery, multicast listeners, routers: ICMPv6 that no connection is made of. */
export class NeighbourTalk implements Talk {
  readonly #setting: Setting

  constructor(setting: Setting) {
    this.#setting = setting
  }

  next(): Said[] {
    const { random, addresses } = this.#setting
    const from = random.below(2) as 0 | 1
    const type = random.chance(0.8)
      ? random.pick([130, 131, 132, 133, 134, 135, 136, 137, 143, 151, 152])
      : 128 + random.below(40)
    const target = addressBytes(isIPv6(this.#setting) ? addresses[1 - from]! : 'fd00::9')
    const protocol = isIPv6(this.#setting) ? Protocol.icmp6 : Protocol.icmp
    return [
      between(this.#setting, from, {
        protocol,
        payload: icmp(type, random.chance(0.8) ? 0 : 1, 0, target),
        ttl: random.chance(0.7) ? 255 : 64,
      }),
    ]
  }
}

/** Protocols without ports, GRE with and without its call ids, and anything that calls itself IP. */
export class RawTalk implements Talk {
  readonly #setting: Setting
  readonly #protocol: number

  constructor(setting: Setting) {
    this.#setting = setting
    this.#protocol = setting.random.pick([47, 47, 50, 51, 89, 4, 41, 2, 33, 103, 253, 255, 59, 0, 60, 43])
  }

  next(): Said[] {
    const { random } = this.#setting
    const from = random.below(2) as 0 | 1
    let payload = random.bytes(random.below(30))
    if (this.#protocol === Protocol.gre && random.chance(0.9)) {
      const call = random.below(3)
      payload = Uint8Array.from([0x30, 0x01, 0x88, random.chance(0.9) ? 0x0b : 0, 0, 0, 0, call])
      if (random.chance(0.3)) payload[1] = 0
      if (random.chance(0.1)) payload = payload.subarray(0, random.below(8))
    }
    if (this.#protocol === 51 && random.chance(0.7)) {
      // An authentication header before a UDP header, which IPv6's walk passes over.
      const inner = udp(...this.#setting.ports, 4)
      payload = Uint8Array.from([17, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, ...inner])
    }
    const extensions = random.chance(0.3)
      ? random.pick([[0], [60], [43], [0, 60], [60, 60], [0, 43, 60]])
      : []
    const protocol = extensions.length > 0 && random.chance(0.5) ? Protocol.udp : this.#protocol
    if (protocol === Protocol.udp) payload = udp(...this.#setting.ports, 4)
    return [between(this.#setting, from, { protocol, payload, extensions })]
  }
}
