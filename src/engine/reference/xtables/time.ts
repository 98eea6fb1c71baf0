import type { Packet } from '../../../packet/packet.js'

export const SECONDS = { second: 1, minute: 60, hour: 3600, day: 86400 }

/** The kernel's tick: 4 ms. */
export function tick(packet: Packet): bigint {
  return BigInt(Math.floor(packet.time[0]! / 4_000_000))
}

export const u32 = (value: bigint) => BigInt.asUintN(32, value)
export const u64 = (value: bigint) => BigInt.asUintN(64, value)
