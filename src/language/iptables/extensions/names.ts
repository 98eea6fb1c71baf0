/** Names of types and flags in headers, as iptables writes them. */

export const DCCP_TYPES: Readonly<Record<string, number>> = {
  REQUEST: 0,
  RESPONSE: 1,
  DATA: 2,
  ACK: 3,
  DATAACK: 4,
  CLOSEREQ: 5,
  CLOSE: 6,
  RESET: 7,
  SYNC: 8,
  SYNCACK: 9,
  INVALID: 10,
}

export const SCTP_CHUNKS: Readonly<Record<string, number>> = {
  DATA: 0,
  INIT: 1,
  INIT_ACK: 2,
  SACK: 3,
  HEARTBEAT: 4,
  HEARTBEAT_ACK: 5,
  ABORT: 6,
  SHUTDOWN: 7,
  SHUTDOWN_ACK: 8,
  ERROR: 9,
  COOKIE_ECHO: 10,
  COOKIE_ACK: 11,
  ECN_ECNE: 12,
  ECN_CWR: 13,
  SHUTDOWN_COMPLETE: 14,
  I_DATA: 64,
  RE_CONFIG: 130,
  PAD: 132,
  ASCONF: 193,
  ASCONF_ACK: 128,
  FORWARD_TSN: 192,
  I_FORWARD_TSN: 194,
}

/** The letters of flags, by chunk type and from the lowest bit; `-` has none. */
export const SCTP_FLAGS: Readonly<Record<number, string>> = { 0: 'EBUI', 6: 'T', 14: 'T', 64: 'EBUI' }
