/** What stage 0 says to nf_tables (linux/netfilter/nf_tables.h): its table, chains, sets, rules and elements. */
import type { Closed } from '../../bans/config/actions.js'
import type { AddressBits } from '../../packet/address.js'
import { Flag, type MessageWriter } from './netlink.js'

export const TABLE = 'portcullis-bans'
const CHAIN = 'prerouting'
/** Where banned packets end: they are counted there, and answered if that is asked for. */
const REFUSE = 'refuse'

const BATCH_BEGIN = 16
const BATCH_END = 17
const SUBSYSTEM = 10
const nft = (message: number) => (SUBSYSTEM << 8) | message
const NEW_TABLE = nft(0)
const GET_TABLE = nft(1)
const DELETE_TABLE = nft(2)
const NEW_CHAIN = nft(3)
const NEW_RULE = nft(6)
const GET_RULE = nft(7)
const NEW_SET = nft(9)
const NEW_ELEMENT = nft(12)
const DELETE_ELEMENT = nft(14)

const NFPROTO_INET = 1
const NFPROTO = { 32: 2, 128: 10 } as const
const HOOK_PREROUTING = 0
/** Before connection tracking (NF_IP_PRI_RAW), behind the reassembly of fragments. */
const PRIORITY = -300
const SET_TIMEOUT = 0x10
/** How nft(8) shows the keys. */
const DATATYPE = { 32: 7, 128: 8 } as const
const REGISTER = 1
const VERDICT = 0
const NF_DROP = 0
const NF_ACCEPT = 1
const NFT_GOTO = -4
const META = { nfproto: 15, l4proto: 16 } as const
const COMPARE = { equal: 0, atMost: 3, atLeast: 5 } as const
const BASE = { network: 1, transport: 2 } as const
const SOURCE_OFFSET = { 32: 12, 128: 8 } as const
const TCP = 6
const REJECT_TCP_RESET = 1
/** Protocols that have ports, as actions name them. */
const PROTOCOLS: Readonly<Record<string, number>> = { tcp: TCP, udp: 17, dccp: 33, sctp: 132, udplite: 136 }

/** Sources that are shut out of the same: prefixes of one length, so that a look-up is a hash and none overlap. */
export interface BanSet {
  readonly name: string
  readonly bits: AddressBits
  readonly length: number
  readonly closed: Closed
}

/** A source in a set. value: its address; milliseconds until it goes by itself, undefined: never. */
export interface Element {
  readonly value: bigint
  readonly timeout: number | undefined
}

/** Numbers of the protocols that a ban closes ports of; undefined: everything is closed. */
export function protocolsOf({ ports, protocols }: Closed): readonly number[] | undefined {
  if (ports.length === 0) return undefined
  if (protocols.length === 0) return Object.values(PROTOCOLS)
  return protocols.flatMap((name) => PROTOCOLS[name] ?? [])
}

/** A transaction: all of it, or nothing. */
export function writeBatch(to: MessageWriter, write: () => void): void {
  to.message(BATCH_BEGIN, 0, 0, SUBSYSTEM)
  write()
  // Messages that succeed are silent; that the last was carried out says that all were.
  to.acknowledge()
  to.message(BATCH_END, 0, 0, SUBSYSTEM)
}

/** Removes the table, whether it is there or not. */
export function writeRemoval(to: MessageWriter): void {
  to.message(NEW_TABLE, Flag.create, NFPROTO_INET, 0, () => to.text(1, TABLE))
  to.message(DELETE_TABLE, 0, NFPROTO_INET, 0, () => to.text(1, TABLE))
}

/** The table and its chains. reset: TCP is answered with a reset. */
export function writeTable(to: MessageWriter, reset: boolean): void {
  to.message(NEW_TABLE, Flag.create, NFPROTO_INET, 0, () => to.text(1, TABLE))
  to.message(NEW_CHAIN, Flag.create, NFPROTO_INET, 0, () => {
    to.text(1, TABLE)
    to.text(3, CHAIN)
    to.nest(4, () => {
      to.u32(1, HOOK_PREROUTING)
      to.u32(2, PRIORITY)
    })
    to.u32(5, NF_ACCEPT)
    to.text(7, 'filter')
  })
  to.message(NEW_CHAIN, Flag.create, NFPROTO_INET, 0, () => {
    to.text(1, TABLE)
    to.text(3, REFUSE)
  })
  writeRule(to, REFUSE, () => {
    expression(to, 'counter', () => {
      to.u64(1, 0n)
      to.u64(2, 0n)
    })
    if (!reset) verdict(to, NF_DROP)
  })
  if (!reset) return
  writeRule(to, REFUSE, () => {
    meta(to, META.l4proto)
    compare(to, COMPARE.equal, TCP, 1)
    expression(to, 'reject', () => {
      to.u32(1, REJECT_TCP_RESET)
      to.raw(2, Uint8Array.of(0))
    })
  })
  writeRule(to, REFUSE, () => verdict(to, NF_DROP))
}

/** A set and the rules that refuse its sources: a rule for each range of ports. */
export function writeSet(to: MessageWriter, set: BanSet): void {
  const bytes = set.bits / 8
  to.message(NEW_SET, Flag.create, NFPROTO_INET, 0, () => {
    to.text(1, TABLE)
    to.text(2, set.name)
    to.u32(3, SET_TIMEOUT)
    to.u32(4, DATATYPE[set.bits])
    to.u32(5, bytes)
    to.u32(10, 1)
  })
  const protocols = protocolsOf(set.closed)
  if (protocols === undefined) writeRule(to, CHAIN, () => refuseSources(to, set))
  else
    for (const protocol of protocols)
      for (const [first, last] of set.closed.ports)
        writeRule(to, CHAIN, () => {
          meta(to, META.l4proto)
          compare(to, COMPARE.equal, protocol, 1)
          payload(to, BASE.transport, 2, 2)
          compare(to, COMPARE.atLeast, first, 2)
          compare(to, COMPARE.atMost, last, 2)
          refuseSources(to, set)
        })
}

/** Adds elements; one that is there already stays as it is. At most some thousand: an attribute holds 64 KiB. */
export function writeElements(to: MessageWriter, set: BanSet, elements: readonly Element[]): void {
  writeElementList(to, NEW_ELEMENT, set, elements)
}

/** Removes elements, which have to be there. */
export function writeRemovedElements(to: MessageWriter, set: BanSet, elements: readonly Element[]): void {
  writeElementList(to, DELETE_ELEMENT, set, elements)
}

export function writeTableRequest(to: MessageWriter): void {
  to.message(GET_TABLE, Flag.ack, NFPROTO_INET, 0, () => to.text(1, TABLE))
}

/** Asks for the rules of the chain where banned packets end; the first of them counts. */
export function writeCounterRequest(to: MessageWriter): void {
  to.message(GET_RULE, Flag.dump, NFPROTO_INET, 0, () => {
    to.text(1, TABLE)
    to.text(2, REFUSE)
  })
}

function writeElementList(
  to: MessageWriter,
  type: number,
  { name, bits }: BanSet,
  elements: readonly Element[],
): void {
  to.message(type, Flag.create, NFPROTO_INET, 0, () => {
    to.text(1, TABLE)
    to.text(2, name)
    to.nest(3, () => {
      for (const { value, timeout } of elements)
        to.nest(1, () => {
          to.nest(1, () => to.big(1, value, bits / 8))
          if (timeout !== undefined && type === NEW_ELEMENT) to.u64(4, BigInt(timeout))
        })
    })
  })
}

function writeRule(to: MessageWriter, chain: string, expressions: () => void): void {
  to.message(NEW_RULE, Flag.create | Flag.append, NFPROTO_INET, 0, () => {
    to.text(1, TABLE)
    to.text(2, chain)
    to.nest(4, expressions)
  })
}

function refuseSources(to: MessageWriter, { name, bits, length }: BanSet): void {
  const bytes = bits / 8
  meta(to, META.nfproto)
  compare(to, COMPARE.equal, NFPROTO[bits], 1)
  payload(to, BASE.network, SOURCE_OFFSET[bits], bytes)
  if (length < bits)
    expression(to, 'bitwise', () => {
      const rest = BigInt(bits - length)
      to.u32(1, REGISTER)
      to.u32(2, REGISTER)
      to.u32(3, bytes)
      to.nest(4, () => to.big(1, ((1n << BigInt(length)) - 1n) << rest, bytes))
      to.nest(5, () => to.big(1, 0n, bytes))
    })
  expression(to, 'lookup', () => {
    to.text(1, name)
    to.u32(2, REGISTER)
  })
  verdict(to, NFT_GOTO, REFUSE)
}

function expression(to: MessageWriter, name: string, attributes: () => void): void {
  to.nest(1, () => {
    to.text(1, name)
    to.nest(2, attributes)
  })
}

function meta(to: MessageWriter, key: number): void {
  expression(to, 'meta', () => {
    to.u32(1, REGISTER)
    to.u32(2, key)
  })
}

function payload(to: MessageWriter, base: number, offset: number, length: number): void {
  expression(to, 'payload', () => {
    to.u32(1, REGISTER)
    to.u32(2, base)
    to.u32(3, offset)
    to.u32(4, length)
  })
}

function compare(to: MessageWriter, operator: number, value: number, bytes: number): void {
  expression(to, 'cmp', () => {
    to.u32(1, REGISTER)
    to.u32(2, operator)
    to.nest(3, () => to.big(1, BigInt(value), bytes))
  })
}

function verdict(to: MessageWriter, code: number, chain?: string): void {
  expression(to, 'immediate', () => {
    to.u32(1, VERDICT)
    to.nest(2, () =>
      to.nest(2, () => {
        to.u32(1, code)
        if (chain !== undefined) to.text(2, chain)
      }),
    )
  })
}
