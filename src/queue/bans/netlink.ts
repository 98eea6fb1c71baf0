/** Messages of netlink(7) as netfilter has them (linux/netfilter/nfnetlink.h): written, and read. */

const HEADER = 16
const NFGENMSG = 4
const ATTRIBUTE = 4
const NESTED = 0x8000
const TYPE_BITS = 0x3fff
const NLMSG_ERROR = 2

export const Flag = { request: 1, ack: 4, dump: 0x300, create: 0x400, append: 0x800 } as const

/** Writes messages one behind the other. Numbers in attributes are in network order. */
export class MessageWriter {
  #bytes = Buffer.alloc(2 ** 16)
  #length = 0
  #message = 0

  get length(): number {
    return this.#length
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** A message whose attributes `write` writes. type: subsystem << 8 | message. resource: res_id. */
  message(type: number, flags: number, family: number, resource: number, write: () => void = () => {}): void {
    this.#message = this.#length
    this.#grow(HEADER + NFGENMSG)
    this.#bytes.writeUInt16LE(type, this.#message + 4)
    this.#bytes.writeUInt16LE(flags | Flag.request, this.#message + 6)
    this.#bytes.writeUInt8(family, this.#message + HEADER)
    this.#bytes.writeUInt16BE(resource, this.#message + HEADER + 2)
    write()
    this.#bytes.writeUInt32LE(this.#length - this.#message, this.#message)
  }

  /** Has the kernel acknowledge the message that was written last. */
  acknowledge(): void {
    this.#bytes.writeUInt16LE(this.#bytes.readUInt16LE(this.#message + 6) | Flag.ack, this.#message + 6)
  }

  nest(type: number, write: () => void): void {
    const start = this.#length
    this.#grow(ATTRIBUTE)
    write()
    this.#head(start, type | NESTED)
  }

  u32(type: number, value: number): void {
    const start = this.#length
    this.#grow(ATTRIBUTE + 4)
    this.#bytes.writeUInt32BE(value >>> 0, start + ATTRIBUTE)
    this.#head(start, type)
  }

  u64(type: number, value: bigint): void {
    const start = this.#length
    this.#grow(ATTRIBUTE + 8)
    this.#bytes.writeBigUInt64BE(value, start + ATTRIBUTE)
    this.#head(start, type)
  }

  /** A text with the NUL that ends it. */
  text(type: number, value: string): void {
    this.raw(type, Buffer.from(`${value}\0`, 'latin1'))
  }

  raw(type: number, value: Uint8Array): void {
    const start = this.#length
    this.#grow(ATTRIBUTE + value.length)
    this.#bytes.set(value, start + ATTRIBUTE)
    this.#head(start, type)
    this.#grow(-value.length & 3)
  }

  /** A number of `bytes` bytes: a key of a set, or what is compared with a register. */
  big(type: number, value: bigint, bytes: number): void {
    const start = this.#length
    this.#grow(ATTRIBUTE + bytes)
    if (bytes === 4) this.#bytes.writeUInt32BE(Number(value), start + ATTRIBUTE)
    else
      for (let left = bytes, rest = value; left > 0; left--, rest >>= 8n)
        this.#bytes[start + ATTRIBUTE + left - 1] = Number(rest & 255n)
    this.#head(start, type)
    this.#grow(-bytes & 3)
  }

  #head(start: number, type: number): void {
    this.#bytes.writeUInt16LE(this.#length - start, start)
    this.#bytes.writeUInt16LE(type, start + 2)
  }

  /** Adds zeros. */
  #grow(size: number): void {
    this.#length += size
    if (this.#length <= this.#bytes.length) return
    const larger = Buffer.alloc(this.#length * 2)
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}

/** What the kernel answered: errno, 0 for an acknowledgement; undefined if the message is no such answer. */
export function errorOf(message: Buffer): number | undefined {
  if (message.readUInt16LE(4) !== NLMSG_ERROR || message.length < HEADER + 4) return undefined
  return 0 - message.readInt32LE(HEADER)
}

/** The messages of an answer. */
export function* messagesOf(answer: Uint8Array): Generator<Buffer> {
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength)
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const length = bytes.readUInt32LE(at)
    if (length < HEADER || at + length > bytes.length) return
    yield bytes.subarray(at, at + length)
    at += (length + 3) & ~3
  }
}

/** The attributes of a message of netfilter, by type; the last counts. */
export function attributesOf(message: Buffer): Map<number, Buffer> {
  return nestedIn(message.subarray(HEADER + NFGENMSG))
}

/** The attributes within one. */
export function nestedIn(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  for (let at = 0; at + ATTRIBUTE <= bytes.length; ) {
    const length = bytes.readUInt16LE(at)
    if (length < ATTRIBUTE || at + length > bytes.length) break
    found.set(bytes.readUInt16LE(at + 2) & TYPE_BITS, bytes.subarray(at + ATTRIBUTE, at + length))
    at += (length + 3) & ~3
  }
  return found
}
