/**
 * Captures read the plain way: all at once, in slices and big integers, and without any regard to time or memory.
 * What it says of any bytes, the reader says too.
 */
export interface ReadPacket {
  /** Offset of its record. */
  offset: number
  interface: number
  linkType: number
  name: string | undefined
  /** Nanoseconds since 1970; that of the packet before if it has none, 0 at first. */
  time: bigint
  /** In hexadecimal: quick to compare, and short where it differs. */
  bytes: string
  length: number
  direction: number
  comment: string | undefined
}

/** `end`: the capture is whole, it ends in the middle of a record, or something in it is wrong. */
export interface ReadCapture {
  packets: ReadPacket[]
  end: 'whole' | 'cut' | 'wrong'
}

const LARGEST = 262_144

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

export function readPlainly(bytes: Uint8Array): ReadCapture {
  const magic = word(bytes, 0, false)
  if (magic === 0x0a0d0d0a) return readBlocks(bytes)
  for (const little of [true, false])
    if ([0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34].includes(word(bytes, 0, little)))
      return readRecords(bytes, little)
  return { packets: [], end: 'wrong' }
}

function word(bytes: Uint8Array, at: number, little: boolean, size = 4): number {
  const part = [...bytes.slice(at, at + size)]
  return (little ? part.reverse() : part).reduce((sum, byte) => sum * 256 + byte, 0)
}

const snap = (told: number) => (told === 0 || told >= 2 ** 31 ? LARGEST : told)

function readRecords(bytes: Uint8Array, little: boolean): ReadCapture {
  const packets: ReadPacket[] = []
  if (bytes.length < 24) return { packets, end: 'wrong' }
  const magic = word(bytes, 0, little)
  const [major, minor] = [word(bytes, 4, little, 2), word(bytes, 6, little, 2)]
  if ((major !== 2 || minor > 4) && (major !== 543 || minor !== 0)) return { packets, end: 'wrong' }
  const linkType = word(bytes, 20, little) % 2 ** 26
  const patched = magic === 0xa1b2cd34
  const most = snap(word(bytes, 16, little)) + (patched && linkType === 1 ? 14 : 0)
  const header = patched ? 24 : 16
  for (let at = 24; at < bytes.length; ) {
    if (bytes.length - at < header) return { packets, end: 'cut' }
    let [captured, length] = [word(bytes, at + 8, little), word(bytes, at + 12, little)]
    if (major === 543 || minor < 3 || (minor === 3 && captured > length))
      [captured, length] = [length, captured]
    if (captured > LARGEST) return { packets, end: 'wrong' }
    if (bytes.length - at - header < captured) return { packets, end: 'cut' }
    const unit = magic === 0xa1b23c4d ? 1n : 1000n
    const frame = bytes.slice(at + header, at + header + Math.min(captured, most))
    const told = !patched ? 0 : bytes[at + 22]! === 4 ? 2 : bytes[at + 22]! < 3 ? 1 : 0
    packets.push({
      offset: at,
      interface: 0,
      linkType,
      name: undefined,
      time: BigInt(word(bytes, at, little)) * 10n ** 9n + BigInt(word(bytes, at + 4, little)) * unit,
      bytes: hex(frame),
      length,
      direction: told || cooked(linkType, frame),
      comment: undefined,
    })
    at += header + captured
  }
  return { packets, end: 'whole' }
}

interface Port {
  number: number
  linkType: number
  snapLength: number
  name: string | undefined
  units: bigint
  offset: bigint
}

function readBlocks(bytes: Uint8Array): ReadCapture {
  const packets: ReadPacket[] = []
  let little = false
  let ports: Port[] = []
  let count = 0
  let time = 0n
  for (let at = 0; at < bytes.length; ) {
    const rest = bytes.slice(at)
    if (rest.length < 12) return { packets, end: 'cut' }
    const isSection = word(rest, 0, false) === 0x0a0d0d0a
    if (isSection) {
      if (![true, false].some((order) => word(rest, 8, order) === 0x1a2b3c4d))
        return { packets, end: 'wrong' }
      little = word(rest, 8, true) === 0x1a2b3c4d
    }
    const n = (at: number, size = 4) => word(rest, at, little, size)
    const total = n(4)
    if (total < 12 || total % 4 !== 0 || total > 2 ** 24) return { packets, end: 'wrong' }
    if (rest.length < total) {
      // A block of which more is there than any packet needs is read before its end.
      const early = total > LARGEST + 131_072 && rest.length >= LARGEST + 131_072
      if (!early) return { packets, end: 'cut' }
    } else if (total <= LARGEST + 131_072 && n(total - 4) !== total) return { packets, end: 'wrong' }
    const block = rest.slice(0, total <= LARGEST + 131_072 ? total - 4 : LARGEST + 131_072)
    const type = n(0)
    if (isSection) {
      if (total < 28 || n(12, 2) !== 1) return { packets, end: 'wrong' }
      ports = []
    } else if (type === 1) {
      const port = readPort(block, little, count++)
      if (port === undefined) return { packets, end: 'wrong' }
      ports.push(port)
    } else if (type === 2 || type === 3 || type === 6) {
      const frame = type === 3 ? 12 : 28
      const port = ports[type === 3 ? 0 : n(8, type === 2 ? 2 : 4)]
      if (block.length < frame || port === undefined) return { packets, end: 'wrong' }
      const length = n(frame - 4)
      const captured = type === 3 ? Math.min(length, port.snapLength) : n(20)
      if (captured > LARGEST || captured > port.snapLength || frame + captured > block.length)
        return { packets, end: 'wrong' }
      const data = block.slice(frame, frame + captured)
      const list = type === 3 ? [] : readOptions(block.slice(frame + captured + (-captured & 3)), little)
      if (type !== 3) {
        const units = (BigInt(n(12)) << 32n) + BigInt(n(16))
        time =
          (units / port.units + port.offset) * 10n ** 9n + ((units % port.units) * 10n ** 9n) / port.units
      }
      const flags = list.find(([code]) => code === 2)?.[1]
      const told = flags?.length === 4 ? word(flags, 0, little) % 4 : 0
      const comment = list.find(([code]) => code === 1)?.[1]
      packets.push({
        offset: at,
        interface: port.number,
        linkType: port.linkType,
        name: port.name,
        time,
        bytes: hex(data),
        length,
        direction: told === 1 || told === 2 ? told : cooked(port.linkType, data),
        comment: comment && new TextDecoder().decode(comment),
      })
    }
    at += total
    if (at > bytes.length) return { packets, end: 'cut' }
  }
  return { packets, end: 'whole' }
}

/** Up to the end of options, or up to one that is not there as a whole. */
function readOptions(bytes: Uint8Array, little: boolean): [code: number, value: Uint8Array][] {
  const list: [number, Uint8Array][] = []
  for (let at = 0; at + 4 <= bytes.length; ) {
    const [code, length] = [word(bytes, at, little, 2), word(bytes, at + 2, little, 2)]
    const next = at + 4 + length + (-length & 3)
    if (code === 0 || next > bytes.length) break
    list.push([code, bytes.slice(at + 4, at + 4 + length)])
    at = next
  }
  return list
}

function readPort(block: Uint8Array, little: boolean, number: number): Port | undefined {
  if (block.length < 16) return undefined
  const list = readOptions(block.slice(16), little)
  const value = (wanted: number) => list.find(([code]) => code === wanted)?.[1]
  const [name, resolution, offset] = [value(2), value(9), value(14)]
  if ((resolution && resolution.length !== 1) || (offset && offset.length !== 8)) return undefined
  const exponent = resolution?.[0] ?? 6
  if (exponent < 128 ? exponent > 19 : exponent > 128 + 63) return undefined
  const seconds =
    offset &&
    [...(little ? offset.toReversed() : offset)].reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
  return {
    number,
    linkType: word(block, 8, little, 2),
    snapLength: snap(word(block, 12, little)),
    name: name && new TextDecoder().decode(name.slice(0, 256)),
    units: exponent < 128 ? 10n ** BigInt(exponent) : 2n ** BigInt(exponent - 128),
    offset: BigInt.asIntN(64, seconds ?? 0n),
  }
}

/** The way that a frame of a cooked link type tells. */
function cooked(linkType: number, frame: Uint8Array): number {
  let type: number | undefined
  if (linkType === 113 && frame.length >= 16) type = word(frame, 0, false, 2)
  if (linkType === 276 && frame.length >= 20) type = frame[10]
  if (type === undefined || type === 3 || type > 4) return 0
  return type === 4 ? 2 : 1
}
