/** Connections of banned sources end at once: their entries of connection tracking are removed (ctnetlink). */
import type { NetfilterSocket } from 'node-netfilter-queue'
import type { Ban } from '../../bans/table/ban.js'
import type { AddressBits } from '../../packet/address.js'
import { attributesOf, Flag, MessageWriter, messagesOf, nestedIn } from './netlink.js'
import { protocolsOf } from './nftables.js'

const GET = (1 << 8) | 1
const DELETE = (1 << 8) | 2
const FAMILIES = { 32: 2, 128: 10 } as const
/** linux/netfilter/nfnetlink_conntrack.h: CTA_TUPLE_ORIG and CTA_TUPLE_REPLY, what is in them, and CTA_ID, CTA_ZONE. */
const ORIGINAL = 1
const REPLY = 2
const IP = 1
const PROTOCOL = 2
const SOURCE = { 32: 1, 128: 3 } as const
const NUMBER = 1
const DESTINATION_PORT = 3
const ID = 12
const ZONE = 18
const NESTED = 0x8000
/** Bytes of requests that are sent at once. */
const AT_ONCE = 2 ** 15

/** Removes the connections that bans shut out, those that such a source opened and those that were opened to it. */
export function endConnections(socket: NetfilterSocket, bans: readonly Ban[]): number {
  let ended = 0
  for (const bits of [32, 128] as const) {
    const own = bans.filter(({ source }) => source.bits === bits)
    if (own.length > 0) ended += endFamily(socket, bits, own)
  }
  return ended
}

function endFamily(socket: NetfilterSocket, bits: AddressBits, bans: readonly Ban[]): number {
  const banned = new Banned(bits, bans)
  const dump = new MessageWriter()
  dump.message(GET, Flag.dump, FAMILIES[bits], 0)
  const removal = new MessageWriter()
  let ended = 0
  socket.request(dump.bytes, (answer) => {
    for (const message of messagesOf(answer)) {
      if (message.readUInt16LE(4) !== 1 << 8) continue
      const entry = attributesOf(message)
      const original = entry.get(ORIGINAL)
      const reply = entry.get(REPLY)
      if (original === undefined || reply === undefined) continue
      if (!banned.shutsOut(original, reply)) continue
      ended++
      removal.message(DELETE, 0, FAMILIES[bits], 0, () => {
        removal.raw(ORIGINAL | NESTED, original)
        for (const attribute of [ID, ZONE]) {
          const value = entry.get(attribute)
          if (value !== undefined) removal.raw(attribute, value)
        }
      })
    }
  })
  // One that has ended by itself meanwhile is refused, and that is all right.
  for (const part of partsOf(removal.bytes)) socket.request(part, () => {})
  return ended
}

/** Whole messages, some at a time. */
function* partsOf(bytes: Uint8Array): Generator<Uint8Array> {
  let from = 0
  let to = 0
  for (const message of messagesOf(bytes)) {
    if (to - from > AT_ONCE) {
      yield bytes.subarray(from, to)
      from = to
    }
    to += message.length
  }
  if (to > from) yield bytes.subarray(from, to)
}

/** Who is shut out of what, found by address. */
class Banned {
  readonly #bits: AddressBits
  /** By length of prefix: by first bits, the bans. */
  readonly #byLength = new Map<number, Map<bigint, Ban[]>>()

  constructor(bits: AddressBits, bans: readonly Ban[]) {
    this.#bits = bits
    for (const ban of bans) {
      const { value, length } = ban.source
      const sources = this.#byLength.get(length) ?? new Map<bigint, Ban[]>()
      sources.set(value, [...(sources.get(value) ?? []), ban])
      this.#byLength.set(length, sources)
    }
  }

  /** The tuples of both directions: each starts where its source sends from. */
  shutsOut(original: Buffer, reply: Buffer): boolean {
    return this.#covers(original) || this.#covers(reply)
  }

  #covers(tuple: Buffer): boolean {
    const parts = nestedIn(tuple)
    const address = nestedIn(parts.get(IP) ?? Buffer.alloc(0)).get(SOURCE[this.#bits])
    if (address?.length !== this.#bits / 8) return false
    const value = BigInt(`0x${address.toString('hex')}`)
    for (const [length, sources] of this.#byLength) {
      const rest = BigInt(this.#bits - length)
      const bans = sources.get((value >> rest) << rest)
      if (bans?.some((ban) => isClosed(ban, parts.get(PROTOCOL)))) return true
    }
    return false
  }
}

/** Whether what a banned source sends goes to what is closed for it. */
function isClosed({ closed }: Ban, protocol: Buffer | undefined): boolean {
  const protocols = protocolsOf(closed)
  if (protocols === undefined) return true
  if (protocol === undefined) return false
  const parts = nestedIn(protocol)
  const port = parts.get(DESTINATION_PORT)
  if (port?.length !== 2 || !protocols.includes(parts.get(NUMBER)?.[0] ?? -1)) return false
  const number = port.readUInt16BE()
  return closed.ports.some(([first, last]) => number >= first && number <= last)
}
