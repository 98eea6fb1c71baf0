/** Captures made byte by byte, of all kinds that readers meet, damaged ones included. */

export interface BuiltPacket {
  seconds: number
  /** In the capture's unit. */
  fraction: number
  bytes: Uint8Array
  /** Bytes of the frame before it was cut. */
  length?: number
  /** Of a patched capture. */
  packetType?: number
}

export interface PcapShape {
  little?: boolean
  magic?: number
  version?: readonly [number, number]
  snapLength?: number
  linkType?: number
  /** The lengths stand in the order of versions before 2.3. */
  swapped?: boolean
}

export const MAGIC = { us: 0xa1b2c3d4, ns: 0xa1b23c4d, patched: 0xa1b2cd34 }

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts))
}

/** Numbers of 1, 2, 4 or 8 bytes, as `[size, value]`, in a byte order. */
export function numbers(little: boolean, ...values: readonly (readonly [1 | 2 | 4 | 8, number | bigint])[]) {
  const bytes = new Uint8Array(values.reduce((sum, [size]) => sum + size, 0))
  let at = 0
  for (const [size, value] of values) {
    const all = BigInt.asUintN(8 * size, BigInt(value))
    for (let i = 0; i < size; i++)
      bytes[at + (little ? i : size - 1 - i)] = Number((all >> BigInt(8 * i)) & 255n)
    at += size
  }
  return bytes
}

/** A classic capture. */
export function pcap(packets: readonly BuiltPacket[], shape: PcapShape = {}): Uint8Array {
  const { little = true, magic = MAGIC.us, version = [2, 4], snapLength = 262_144, linkType = 1 } = shape
  const header = numbers(
    little,
    [4, magic],
    [2, version[0]],
    [2, version[1]],
    [4, 0],
    [4, 0],
    [4, snapLength],
    [4, linkType],
  )
  const records = packets.map(({ seconds, fraction, bytes, length = bytes.length, packetType = 0 }) => {
    const lengths = shape.swapped ? [length, bytes.length] : [bytes.length, length]
    const record = numbers(little, [4, seconds], [4, fraction], [4, lengths[0]!], [4, lengths[1]!])
    const patch = magic === MAGIC.patched ? numbers(little, [4, 3], [2, 0x0800], [1, packetType], [1, 0]) : []
    return concat(record, Uint8Array.from(patch), bytes)
  })
  return concat(header, ...records)
}

export type Options = readonly (readonly [code: number, value: Uint8Array])[]

/** Blocks of a section in one byte order. */
export function blocks(little: boolean) {
  const n = (...values: Parameters<typeof numbers> extends [boolean, ...infer V] ? V : never) =>
    numbers(little, ...values)
  const pad = (bytes: Uint8Array) => concat(bytes, new Uint8Array(-bytes.length & 3))
  const options = (list: Options) =>
    list.length === 0
      ? new Uint8Array(0)
      : concat(...list.map(([code, value]) => concat(n([2, code], [2, value.length]), pad(value))), n([4, 0]))
  const block = (type: number, ...body: readonly Uint8Array[]) => {
    const content = pad(concat(...body))
    const total = content.length + 12
    return concat(n([4, type], [4, total]), content, n([4, total]))
  }
  const captured = (bytes: Uint8Array, length: number) => n([4, bytes.length], [4, length])
  return {
    n,
    block,
    options,
    section: (version: readonly [number, number] = [1, 0]) =>
      block(0x0a0d0d0a, n([4, 0x1a2b3c4d], [2, version[0]], [2, version[1]], [8, -1n])),
    interface: (linkType = 1, snapLength = 0, list: Options = []) =>
      block(1, n([2, linkType], [2, 0], [4, snapLength]), options(list)),
    enhanced: (id: number, time: bigint, bytes: Uint8Array, list: Options = [], length = bytes.length) =>
      block(
        6,
        n([4, id], [4, time >> 32n], [4, time & 0xffffffffn]),
        captured(bytes, length),
        pad(bytes),
        options(list),
      ),
    /** The obsolete packet block. */
    packet: (id: number, time: bigint, bytes: Uint8Array, list: Options = [], length = bytes.length) =>
      block(
        2,
        n([2, id], [2, 0], [4, time >> 32n], [4, time & 0xffffffffn]),
        captured(bytes, length),
        pad(bytes),
        options(list),
      ),
    simple: (bytes: Uint8Array, length = bytes.length) => block(3, n([4, length]), bytes),
    /** A name resolution block, which is passed over. */
    names: () =>
      block(4, n([2, 1], [2, 9]), pad(concat(Uint8Array.of(10, 0, 0, 1), text('host\0'))), n([4, 0])),
    statistics: (id: number) => block(5, n([4, id], [4, 0], [4, 0])),
  }
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}

/** An Ethernet frame around a packet, with VLAN tags by their EtherTypes. */
export function ethernet(packet: Uint8Array, tags: readonly number[] = [], type?: number): Uint8Array {
  const own = type ?? (packet[0]! >> 4 === 6 ? 0x86dd : 0x0800)
  const types = [...tags, own]
  const words = types.flatMap((type, i) =>
    i === 0
      ? [[2, type]]
      : [
          [2, 100 + i],
          [2, type],
        ],
  ) as [2, number][]
  return concat(Uint8Array.of(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2), numbers(false, ...words), packet)
}
