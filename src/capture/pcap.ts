import { type CaptureError, grouped } from './error.js'
import { type Input, LARGEST_PACKET } from './input.js'
import { Direction, LinkType } from './link.js'
import { CaptureReader } from './reader.js'

/** Length of the file header (pcap-savefile(5)). */
export const HEADER = 24
const RECORD = 16
/** A record of Alexey Kuznetzov's patched libpcap: interface, protocol and packet type follow. */
const PATCHED_RECORD = 24
const PACKET_TYPE = 22
const OUTGOING = 4
const OTHER_HOST = 3

/** What the first four bytes say, in the byte order of the machine that wrote them. */
export const Magic = { microseconds: 0xa1b2c3d4, nanoseconds: 0xa1b23c4d, patched: 0xa1b2cd34 } as const
const MAGICS = new Set<number>(Object.values(Magic))

/** The upper bits tell of a frame check sequence, which lies behind all that we look at. */
const LINK_TYPE_MASK = 0x03ffffff
const MOST_SNAP_LENGTH = 0x7fffffff
/** By which libpcap enlarges the snap length of patched captures of Ethernet, as the header was added later. */
const ADDED_HEADER = 14

const { unknown: UNKNOWN, inbound: INBOUND, outbound: OUTBOUND } = Direction
const LARGEST = LARGEST_PACKET

/** Whether four bytes begin a classic capture. */
export function isPcap(view: DataView, at: number): boolean {
  return MAGICS.has(view.getUint32(at)) || MAGICS.has(view.getUint32(at, true))
}

/** Classic captures, as libpcap reads them (pcap-savefile(5), sf-pcap.c). */
export class PcapReader extends CaptureReader {
  readonly #little: boolean
  readonly #linkType: number
  readonly #snapLength: number
  readonly #header: number
  /** Nanoseconds in the unit of a time's second part. */
  readonly #unit: number
  /** The captured length comes second: always before version 2.3, and in some captures of that. */
  readonly #swapped: 'never' | 'if larger' | 'always'

  /** The input's first HEADER bytes are there, and begin a classic capture. */
  constructor(file: string, input: Input) {
    super(file, input)
    const { view } = input
    this.#little = MAGICS.has(view.getUint32(0, true))
    const magic = view.getUint32(0, this.#little)
    const major = view.getUint16(4, this.#little)
    const minor = view.getUint16(6, this.#little)
    // 543.0 is what tcpdump of DG/UX wrote.
    if (!(major === 2 && minor <= 4) && !(major === 543 && minor === 0))
      throw this.fault(`version ${major}.${minor} of classic captures is not known`, 'known are 2.0 to 2.4')
    this.#swapped = major === 543 || minor < 3 ? 'always' : minor === 3 ? 'if larger' : 'never'
    this.#linkType = view.getUint32(20, this.#little) & LINK_TYPE_MASK
    this.#unit = magic === Magic.nanoseconds ? 1 : 1000
    this.#header = magic === Magic.patched ? PATCHED_RECORD : RECORD
    const added = magic === Magic.patched && this.#linkType === LinkType.ethernet ? ADDED_HEADER : 0
    this.#snapLength = snapLength(view.getUint32(16, this.#little)) + added
    this.interfaces.push({ linkType: this.#linkType, snapLength: this.#snapLength })
    input.at = HEADER
  }

  next(): boolean {
    const { input, stamp } = this
    const { view, at, end } = input
    const little = this.#little
    const frame = at + this.#header
    if (frame > end) return this.wait()
    let captured = view.getUint32(at + 8, little)
    let length = view.getUint32(at + 12, little)
    if (this.#swapped !== 'never' && (this.#swapped === 'always' || captured > length)) {
      const other = captured
      captured = length
      length = other
    }
    if (captured > LARGEST) throw this.#tooLong(captured)
    if (captured > end - frame) return this.wait()
    this.record = at
    input.at = frame + captured
    let seconds = view.getUint32(at, little)
    let nanoseconds = view.getUint32(at + 4, little) * this.#unit
    if (nanoseconds >= 1e9) {
      seconds += Math.floor(nanoseconds / 1e9)
      nanoseconds %= 1e9
    }
    stamp[0] = seconds
    stamp[1] = nanoseconds
    this.stamped()
    // As libpcap does: some captures tell a snap length that they do not keep to.
    if (captured > this.#snapLength) captured = this.#snapLength
    const direction = this.#header === RECORD ? UNKNOWN : direct(view.getUint8(at + PACKET_TYPE))
    this.found(frame, captured, length, this.#linkType, direction)
    return true
  }

  #tooLong(captured: number): CaptureError {
    return this.fault(
      `packet ${this.number + 1} says that ${grouped(captured)} bytes of it were captured`,
      `${grouped(LARGEST)} are the most there can be: the capture is damaged here`,
    )
  }
}

/** A snap length of 0, or one that is no positive number, means no limit. */
export function snapLength(told: number): number {
  return told === 0 || told > MOST_SNAP_LENGTH ? LARGEST_PACKET : told
}

function direct(packetType: number): number {
  if (packetType === OUTGOING) return OUTBOUND
  return packetType < OTHER_HOST ? INBOUND : UNKNOWN
}
