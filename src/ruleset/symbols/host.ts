/** Names of what the kernel knows of a packet beside its bytes. Numbers are the kernel's. */
import { CtState, Family } from '../../packet/packet.js'
import type { Symbols } from './symbols.js'

export const FAMILIES: Symbols = Family

/** In the order in which nft lists them. */
export const CT_STATES: Symbols = {
  invalid: CtState.invalid,
  established: CtState.established,
  related: CtState.related,
  new: CtState.new,
  untracked: CtState.untracked,
}

export const CT_DIRECTIONS: Symbols = { original: 0, reply: 1 }

/** Bits (enum ip_conntrack_status). */
export const CT_STATUSES: Symbols = {
  expected: 1 << 0,
  'seen-reply': 1 << 1,
  assured: 1 << 2,
  confirmed: 1 << 3,
  snat: 1 << 4,
  dnat: 1 << 5,
  dying: 1 << 9,
}

/** Bits (enum ip_conntrack_events). */
export const CT_EVENTS: Symbols = {
  new: 1 << 0,
  related: 1 << 1,
  destroy: 1 << 2,
  reply: 1 << 3,
  assured: 1 << 4,
  protoinfo: 1 << 5,
  helper: 1 << 6,
  mark: 1 << 7,
  seqadj: 1 << 8,
  secmark: 1 << 9,
  label: 1 << 10,
}

/** PACKET_* of linux/if_packet.h. */
export const PACKET_TYPES: Symbols = { host: 0, unicast: 0, broadcast: 1, multicast: 2, other: 3 }

/** RTN_* of linux/rtnetlink.h. */
export const ADDRESS_TYPES: Symbols = {
  unspec: 0,
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
}

/** The users that every Debian system has; others are written by their numbers. */
export const USERS: Symbols = {
  root: 0,
  daemon: 1,
  bin: 2,
  sys: 3,
  sync: 4,
  games: 5,
  man: 6,
  lp: 7,
  mail: 8,
  news: 9,
  uucp: 10,
  proxy: 13,
  'www-data': 33,
  backup: 34,
  list: 38,
  irc: 39,
  nobody: 65534,
}

export const GROUPS: Symbols = {
  root: 0,
  daemon: 1,
  bin: 2,
  sys: 3,
  adm: 4,
  tty: 5,
  disk: 6,
  lp: 7,
  mail: 8,
  news: 9,
  uucp: 10,
  man: 12,
  proxy: 13,
  'www-data': 33,
  backup: 34,
  list: 38,
  irc: 39,
  shadow: 42,
  utmp: 43,
  video: 44,
  staff: 50,
  games: 60,
  users: 100,
  nogroup: 65534,
}

export const DEVICE_GROUPS: Symbols = { default: 0 }

export const REALMS: Symbols = { cosmos: 0 }

/** Days as nft counts them: from Sunday. */
export const DAYS: Symbols = {
  Sunday: 0,
  Monday: 1,
  Tuesday: 2,
  Wednesday: 3,
  Thursday: 4,
  Friday: 5,
  Saturday: 6,
}

export const BOOLEANS: Symbols = { exists: 1, missing: 0 }
