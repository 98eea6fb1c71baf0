import * as icmp from './icmp.js'
import * as ipv4 from './ipv4.js'
import * as ipv6 from './ipv6.js'
import * as tcp from './tcp.js'
import * as udp from './udp.js'

/** Netfilter's hooks, by the kernel's numbers (enum nf_inet_hooks). */
export const Hook = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const
export type HookName = keyof typeof Hook

/** Netfilter's protocol families, by the kernel's numbers (NFPROTO_*). */
export const Family = { ipv4: 2, ipv6: 10 } as const

/** Connection states as the bits of nft's ct_state (NF_CT_STATE_*). */
export const CtState = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 } as const

/**
 * The columns of `Packet.fields`: a field of the packet each, as a 32-bit word, and whether the packet has it.
 * An IPv6 address takes four words from its column on, most significant first.
 */
export const Column = {
  nfproto: 0,
  l4proto: 1,
  /** Bytes 0 and 1 of the transport header, as th sport. */
  sport: 2,
  /** Bytes 2 and 3 of the transport header, as th dport. */
  dport: 3,
  /** Byte 0 of the transport header: the type, if it is ICMP. */
  type: 4,
  /** Byte 1 of the transport header: the code, if it is ICMP. */
  code: 5,
  ctState: 6,
  /** Classes of interface names: see engine/state/interfaces. */
  iifname: 7,
  oifname: 8,
  mark: 9,
  saddr4: 10,
  daddr4: 11,
  saddr6: 12,
  daddr6: 16,
  /** Byte 13 of the transport header of TCP: its flags. */
  tcpFlags: 20,
} as const
export type ColumnName = keyof typeof Column
export const COLUMN_WORDS = 21

const META = (1 << Column.ctState) | (1 << Column.iifname) | (1 << Column.oifname) | (1 << Column.mark)
const IPV4 = META | (1 << Column.nfproto) | (1 << Column.saddr4) | (1 << Column.daddr4)
const IPV6 = META | (1 << Column.nfproto) | (1 << Column.saddr6) | (1 << Column.daddr6)
const L4PROTO = 1 << Column.l4proto
const TYPE = 1 << Column.type
const CODE = 1 << Column.code
const SPORT = 1 << Column.sport
const DPORT = 1 << Column.dport
const PORTS = TYPE | CODE | SPORT | DPORT
const TCP_FLAGS = 1 << Column.tcpFlags

// Bound here as V8 folds a module's own constants into the code, but not imported or exported ones.
const {
  nfproto: NFPROTO,
  l4proto: L4,
  sport: SOURCE_PORT,
  dport: DESTINATION_PORT,
  type: FIRST,
  code: SECOND,
} = Column
const { mark: MARK, ctState: STATE, saddr4: SADDR4, daddr4: DADDR4, saddr6: SADDR6, daddr6: DADDR6 } = Column
const FLAGS = Column.tcpFlags
/** What stands for a field that a packet lacks. */
const NO_BYTE = 256
const NO_PORT = 65_536
const { ipv4: NFPROTO_IPV4, ipv6: NFPROTO_IPV6 } = Family
const { SOURCE: SOURCE4, DESTINATION: DESTINATION4, PROTOCOL: PROTOCOL4 } = ipv4
const { TOTAL_LENGTH, FRAGMENT, FRAGMENT_OFFSET_MASK, MORE_FRAGMENTS, MINIMUM_LENGTH } = ipv4
const { SOURCE_PORT: PORTS_AT, FLAGS: FLAGS_AT, PROTOCOL: TCP } = tcp
const { PROTOCOL: UDP } = udp
const { TYPE: TYPE_AT, CODE: CODE_AT } = icmp
const {
  SOURCE: SOURCE6,
  DESTINATION: DESTINATION6,
  PAYLOAD_LENGTH,
  NEXT_HEADER,
  HOP_BY_HOP,
  LENGTH: LENGTH6,
} = ipv6

/**
 * A packet: a view over bytes, with its metadata. One object serves all the packets of a source: `attach` it
 * to the source's buffer, then `parse` packet after packet. Nothing is copied and nothing allocated.
 *
 * The source sets `hook`, `iif`, `oif`, `mark`, `ctState` and `time` before it hands the packet on, and whatever else it
 * knows of what follows them below.
 */
export class Packet {
  /**
   * The parsed fields by Column; a word is a value only if its bit in `present` is set. Otherwise the protocol and what
   * stands in the transport header hold the number behind their last value, in any packet that has an IP header.
   */
  readonly fields = new Int32Array(COLUMN_WORDS)
  /** Bit set by Column: the fields that this packet has. */
  present = 0
  view: DataView = new DataView(new ArrayBuffer(0))
  /** Offset in the view of the IP header, and of the first byte behind the captured packet. */
  network = 0
  end = 0
  /**
   * Offset in the view of the transport header, or -1 if the chain of headers is broken. A later fragment has none, but
   * the kernel looks for it all the same (see `fragmentOffset`): there it is where the fragment's data begin in IPv4, and
   * where the packet begins in IPv6.
   */
  transport = -1
  /**
   * Bytes of the datagram before this fragment; 0 for the first fragment and for whole packets. In later fragments nft
   * compares aligned loads of 1, 2 and 4 bytes of the transport header with whatever stands there, and no other loads
   * (nft_payload_fast_eval in net/netfilter/nf_tables_core.c): so do the columns.
   */
  fragmentOffset = 0
  /** More fragments of the datagram follow. */
  moreFragments = false
  /** Length of the packet in bytes from the IP header on, as it was before any capture cut it. */
  length = 0
  /** A hook's number, see Hook. */
  hook: number = Hook.input
  /** Interface indexes, 0 for none. */
  iif = 0
  oif = 0
  /** Of the connection, where the source tracks them: its entry's index or -1, and 0 for its original direction or 1. */
  flow = -1
  flowDirection = 0
  /** The user and group of the socket that sends or gets the packet, -1 where there is none. */
  uid = -1
  gid = -1
  /** The priority (SO_PRIORITY, tc's class), 32 bits. */
  priority = 0
  /** How the link layer brought it (PACKET_HOST 0, PACKET_BROADCAST 1, PACKET_MULTICAST 2, PACKET_OTHERHOST 3). */
  pkttype = 0
  /** The checksum of what it carries was right before its header changed, and is not to be looked at again. */
  isVerified = false
  /** [0]: nanoseconds since an origin of the source's own. A typed array, as a double in a field is boxed. */
  readonly time = new Float64Array(1)
  /** Bytes in the view; the getter of a DataView is a call. */
  #size = 0
  readonly #walk: ipv6.Walk = { protocol: -1, at: 0, fragmentOffset: 0, moreFragments: false }

  /** The bytes that `parse` reads from. */
  attach(buffer: Uint8Array): void {
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    this.#size = buffer.byteLength
  }

  get mark(): number {
    return this.fields[MARK]!
  }

  /** The packet's mark, 32 bits. */
  set mark(mark: number) {
    this.fields[MARK] = mark
  }

  get ctState(): number {
    return this.fields[STATE]!
  }

  /** A bit of CtState. */
  set ctState(state: number) {
    this.fields[STATE] = state
  }

  /** Takes over what a source set of another packet, and what rules set since. */
  takeMetadata(other: Packet): void {
    this.hook = other.hook
    this.iif = other.iif
    this.oif = other.oif
    this.flow = other.flow
    this.flowDirection = other.flowDirection
    this.uid = other.uid
    this.gid = other.gid
    this.priority = other.priority
    this.pkttype = other.pkttype
    this.time[0] = other.time[0]!
    this.fields[MARK] = other.fields[MARK]!
    this.fields[STATE] = other.fields[STATE]!
  }

  /** NFPROTO number of the packet, 0 if it is neither IPv4 nor IPv6. */
  get family(): number {
    return this.fields[NFPROTO]!
  }

  /** The transport protocol, or -1 if the chain of headers is broken. */
  get l4proto(): number {
    return (this.present & L4PROTO) === 0 ? -1 : this.fields[L4]!
  }

  /**
   * Parses the packet whose IP header is at `offset` and of which `captured` bytes are in the buffer.
   * False if that is no IP packet: then nothing is present, and the packet must not be judged but dropped.
   * Link padding behind the packet is not seen; a field that the packet does not hold whole is not present.
   */
  parse(offset: number, captured: number): boolean {
    const { view, fields } = this
    const end = offset + captured
    this.network = offset
    this.end = end
    this.transport = -1
    this.present = 0
    this.fragmentOffset = 0
    this.moreFragments = false
    this.length = captured
    fields[NFPROTO] = 0
    if (offset < 0 || captured < MINIMUM_LENGTH || end > this.#size) return false

    const header = ipv4.headerLength(view, offset, end)
    if (header > 0) {
      fields[NFPROTO] = NFPROTO_IPV4
      fields[SADDR4] = view.getInt32(offset + SOURCE4)
      fields[DADDR4] = view.getInt32(offset + DESTINATION4)
      this.#cut(view.getUint16(offset + TOTAL_LENGTH))
      const fragment = view.getUint16(offset + FRAGMENT)
      if (fragment !== 0) {
        this.fragmentOffset = (fragment & FRAGMENT_OFFSET_MASK) << 3
        this.moreFragments = (fragment & MORE_FRAGMENTS) !== 0
      }
      this.#setTransport(view.getUint8(offset + PROTOCOL4), offset + header, IPV4)
      return true
    }

    if (ipv6.headerLength(view, offset, end) > 0) {
      fields[NFPROTO] = NFPROTO_IPV6
      fields[SADDR6] = view.getInt32(offset + SOURCE6)
      fields[SADDR6 + 1] = view.getInt32(offset + SOURCE6 + 4)
      fields[SADDR6 + 2] = view.getInt32(offset + SOURCE6 + 8)
      fields[SADDR6 + 3] = view.getInt32(offset + SOURCE6 + 12)
      fields[DADDR6] = view.getInt32(offset + DESTINATION6)
      fields[DADDR6 + 1] = view.getInt32(offset + DESTINATION6 + 4)
      fields[DADDR6 + 2] = view.getInt32(offset + DESTINATION6 + 8)
      fields[DADDR6 + 3] = view.getInt32(offset + DESTINATION6 + 12)
      // Of a jumbogram the header does not say the length.
      const payload = view.getUint16(offset + PAYLOAD_LENGTH)
      const next = view.getUint8(offset + NEXT_HEADER)
      if (payload !== 0 || next !== HOP_BY_HOP) this.#cut(LENGTH6 + payload)
      // Most packets have no extension headers.
      if (next === TCP || next === UDP) {
        this.#setTransport(next, offset + LENGTH6, IPV6)
        return true
      }
      const walk = this.#walk
      ipv6.walk(view, offset, this.end, walk)
      this.fragmentOffset = walk.fragmentOffset
      this.moreFragments = walk.moreFragments
      if (walk.protocol >= 0) this.#setTransport(walk.protocol, walk.at, IPV6)
      else {
        this.present = IPV6
        fields[L4] = NO_BYTE
        this.#clearTransport()
      }
      return true
    }
    return false
  }

  /** Ends the packet after as many bytes as its header says; a capture may have ended it before. */
  #cut(length: number): void {
    this.length = length
    const end = this.network + length
    if (end < this.end) this.end = end
  }

  /** Reads what stands in the transport header; what there is of the others is present. */
  #setTransport(protocol: number, at: number, others: number): void {
    const { view, fields } = this
    fields[L4] = protocol
    this.transport = at
    const there = this.end - at
    if (there >= 4) {
      const ports = view.getInt32(at + PORTS_AT)
      fields[SOURCE_PORT] = ports >>> 16
      fields[DESTINATION_PORT] = ports & 0xffff
      fields[FIRST] = ports >>> 24
      fields[SECOND] = (ports >>> 16) & 0xff
      if (protocol === TCP && there > FLAGS_AT) {
        fields[FLAGS] = view.getUint8(at + FLAGS_AT)
        this.present = others | L4PROTO | PORTS | TCP_FLAGS
      } else {
        fields[FLAGS] = NO_BYTE
        this.present = others | L4PROTO | PORTS
      }
      return
    }
    this.present = others | L4PROTO
    this.#clearTransport()
    if (there >= 1) {
      this.present |= TYPE
      fields[FIRST] = view.getUint8(at + TYPE_AT)
    }
    if (there >= 2) {
      this.present |= CODE | SPORT
      fields[SECOND] = view.getUint8(at + CODE_AT)
      fields[SOURCE_PORT] = view.getUint16(at + PORTS_AT)
    }
  }

  #clearTransport(): void {
    const { fields } = this
    fields[FIRST] = fields[SECOND] = fields[FLAGS] = NO_BYTE
    fields[SOURCE_PORT] = fields[DESTINATION_PORT] = NO_PORT
  }
}
