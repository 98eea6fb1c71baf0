import { Clock } from './clock.js'
import { grouped } from './error.js'
import { LARGEST_PACKET, LARGEST_RECORD } from './input.js'
import { Direction } from './link.js'
import { snapLength } from './pcap.js'
import { CaptureReader } from './reader.js'

/** Block types (draft-ietf-opsawg-pcapng §4). A section header reads the same in both byte orders. */
export const Block = { section: 0x0a0d0d0a, interface: 1, packet: 2, simple: 3, enhanced: 6 } as const
export const BYTE_ORDER = 0x1a2b3c4d
/** Options: in all blocks, in interface descriptions, and in packets. */
export const Option = { end: 0, comment: 1, name: 2, resolution: 9, offset: 14, flags: 2 } as const

const { section: SECTION, interface: INTERFACE, packet: PACKET, simple: SIMPLE, enhanced: ENHANCED } = Block
const { unknown: UNKNOWN } = Direction
const RECORD = LARGEST_RECORD
const LARGEST = LARGEST_PACKET

/** Type and length before a block, its length again behind it. */
const AROUND = 12
const SHORTEST_SECTION = 28
/** As libpcap has it (INITIAL_MAX_BLOCKSIZE). */
const LARGEST_BLOCK = 16 * 1024 * 1024
const MICROSECONDS = 6
const MOST_DECIMAL = 19
const MOST_BINARY = 0x80 | 63
/** A capture cannot fill our memory with interfaces, nor with their names. */
const MOST_INTERFACES = 16_384
const LONGEST_NAME = 256

const utf8 = new TextDecoder()

/** Captures of the new kind: sections, each with its byte order and its interfaces; blocks of all kinds. */
export class PcapngReader extends CaptureReader {
  #little = false
  /** The section's first interface, and the clocks of all that it has. */
  #first = 0
  #clocks: Clock[] = []
  /** The interface of the last packet, by its number in the section, and what must be known of it. */
  #id = -1
  #linkType = 0
  #snapLength = 0
  #clock = new Clock(MICROSECONDS, 0n)
  /** Where the packet's options begin, and the first byte behind them. */
  #options = 0
  #optionsEnd = 0

  next(): boolean {
    const { input } = this
    const { view, end } = input
    for (;;) {
      const { at } = input
      if (end - at < AROUND) return this.wait()
      const type = view.getUint32(at, this.#little)
      if (type === SECTION) this.#little = this.#byteOrder(at)
      const total = view.getUint32(at + 4, this.#little)
      if (total < AROUND || total > LARGEST_BLOCK || (total & 3) !== 0) throw this.#badLength(total)
      // Of what is larger than any packet needs, only the first part is looked at.
      const whole = total <= RECORD
      const seen = whole ? total : RECORD
      if (end - at < seen) return this.wait()
      if (whole && view.getUint32(at + total - 4, this.#little) !== total)
        throw this.fault(`a block of ${total} bytes tells another length at its end`, DAMAGED)
      const bodyEnd = whole ? at + total - 4 : at + seen
      this.record = at
      let packet = false
      if (type === ENHANCED || type === PACKET) packet = this.#packet(at, bodyEnd, type)
      else if (type === SIMPLE) packet = this.#simple(at, bodyEnd)
      else if (type === INTERFACE) this.#interface(at + 8, bodyEnd)
      else if (type === SECTION) this.#section(at, total)
      input.at = at + total
      if (packet) return true
    }
  }

  override comment(): string | undefined {
    const at = this.#option(Option.comment, this.#options, this.#optionsEnd)
    if (at < 0) return undefined
    return utf8.decode(this.bytes.subarray(at + 4, at + 4 + this.input.view.getUint16(at + 2, this.#little)))
  }

  /** An enhanced packet, or one of the kind that it replaced: they differ in their interface's number. */
  #packet(at: number, end: number, type: number): boolean {
    const { view } = this.input
    const little = this.#little
    const frame = at + 28
    if (frame > end) throw this.#tooShort('packet')
    const id = type === ENHANCED ? view.getUint32(at + 8, little) : view.getUint16(at + 8, little)
    if (id !== this.#id) this.#take(id)
    const captured = view.getUint32(at + 20, little)
    this.#check(captured, end - frame)
    this.#clock.read(view.getUint32(at + 12, little), view.getUint32(at + 16, little), this.stamp)
    this.stamped()
    this.#options = frame + ((captured + 3) & ~3)
    this.#optionsEnd = end
    const direction = this.#options < end ? this.#direction() : UNKNOWN
    this.found(frame, captured, view.getUint32(at + 24, little), this.#linkType, direction)
    return true
  }

  /** A simple packet: of the section's first interface, without a time. */
  #simple(at: number, end: number): boolean {
    const frame = at + 12
    if (frame > end) throw this.#tooShort('packet')
    if (this.#id !== 0) this.#take(0)
    const length = this.input.view.getUint32(at + 8, this.#little)
    const captured = Math.min(length, this.#snapLength)
    this.#check(captured, end - frame)
    this.#options = end
    this.#optionsEnd = end
    this.found(frame, captured, length, this.#linkType, UNKNOWN)
    return true
  }

  #take(id: number): void {
    const clock = this.#clocks[id]
    if (clock === undefined)
      throw this.fault(
        `packet ${this.number + 1} is of interface ${id}, which nothing before it describes`,
        DAMAGED,
      )
    this.#id = id
    this.#clock = clock
    this.interface = this.#first + id
    const { linkType, snapLength } = this.interfaces[this.interface]!
    this.#linkType = linkType
    this.#snapLength = snapLength
  }

  #check(captured: number, room: number): void {
    if (captured <= room && captured <= this.#snapLength && captured <= LARGEST) return
    const most = Math.min(room, this.#snapLength, LARGEST)
    throw this.fault(
      `packet ${this.number + 1} says that ${grouped(captured)} bytes of it were captured`,
      `${grouped(most)} are the most there can be in its block and by its interface: the capture is damaged here`,
    )
  }

  /** The lowest two bits of a packet's flags; 3 is not used. */
  #direction(): number {
    const at = this.#option(Option.flags, this.#options, this.#optionsEnd)
    if (at < 0) return UNKNOWN
    const { view } = this.input
    if (view.getUint16(at + 2, this.#little) !== 4) return UNKNOWN
    const direction = view.getUint32(at + 4, this.#little) & 3
    return direction === 3 ? UNKNOWN : direction
  }

  /** Offset of the first option of a code that lies before `end` as a whole, or -1. */
  #option(code: number, at: number, end: number): number {
    const { view } = this.input
    while (end - at >= 4) {
      const found = view.getUint16(at, this.#little)
      const next = at + 4 + ((view.getUint16(at + 2, this.#little) + 3) & ~3)
      if (found === Option.end || next > end) return -1
      if (found === code) return at
      at = next
    }
    return -1
  }

  #byteOrder(at: number): boolean {
    const { view } = this.input
    if (view.getUint32(at + 8) === BYTE_ORDER) return false
    if (view.getUint32(at + 8, true) === BYTE_ORDER) return true
    throw this.fault('a section begins here without saying its byte order', DAMAGED)
  }

  #section(at: number, total: number): void {
    if (total < SHORTEST_SECTION) throw this.#tooShort('section header')
    const { view } = this.input
    const major = view.getUint16(at + 12, this.#little)
    const minor = view.getUint16(at + 14, this.#little)
    if (major !== 1) throw this.fault(`version ${major}.${minor} of pcapng is not known`, 'known is 1')
    this.#first = this.interfaces.length
    this.#clocks = []
    this.#id = -1
  }

  #interface(at: number, end: number): void {
    const { view } = this.input
    const little = this.#little
    if (at + 8 > end) throw this.#tooShort('interface description')
    if (this.interfaces.length === MOST_INTERFACES)
      throw this.fault(`there are more than ${grouped(MOST_INTERFACES)} interfaces`)
    const options = at + 8
    const resolution = this.#value(Option.resolution, options, end, 1)
    const offset = this.#value(Option.offset, options, end, 8)
    const units = resolution < 0 ? MICROSECONDS : view.getUint8(resolution)
    if (units > MOST_BINARY || (units > MOST_DECIMAL && units < 0x80))
      throw this.fault(
        `an interface counts time in units of ${units < 0x80 ? 10 : 2}^-${units & 0x7f} seconds`,
      )
    this.#clocks.push(new Clock(units, offset < 0 ? 0n : view.getBigInt64(offset, little)))
    const name = this.#name(options, end)
    this.interfaces.push({
      ...(name === undefined ? {} : { name }),
      linkType: view.getUint16(at, little),
      snapLength: snapLength(view.getUint32(at + 4, little)),
    })
  }

  /** Where an option's value begins, or -1 if it is not there; its length must be `length`. */
  #value(code: number, at: number, end: number, length: number): number {
    const option = this.#option(code, at, end)
    if (option < 0) return -1
    const told = this.input.view.getUint16(option + 2, this.#little)
    if (told === length) return option + 4
    throw this.fault(`option ${code} of an interface is ${told} bytes long, not ${length}`, DAMAGED)
  }

  #name(at: number, end: number): string | undefined {
    const option = this.#option(Option.name, at, end)
    if (option < 0) return undefined
    const length = this.input.view.getUint16(option + 2, this.#little)
    return utf8.decode(this.bytes.subarray(option + 4, option + 4 + Math.min(length, LONGEST_NAME)))
  }

  #badLength(total: number): Error {
    return this.fault(
      `a block says that it is ${grouped(total)} bytes long`,
      `it must be a multiple of 4, at least ${AROUND} and at most ${grouped(LARGEST_BLOCK)}: the capture is damaged here`,
    )
  }

  #tooShort(block: string): Error {
    return this.fault(`the block of a ${block} is too short for it`, DAMAGED)
  }
}

const DAMAGED = 'the capture is damaged here'
