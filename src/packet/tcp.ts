/** The TCP header (RFC 9293 §3.1), as offsets in bytes from its first byte. */
export const PROTOCOL = 6
export const SOURCE_PORT = 0
export const DESTINATION_PORT = 2
export const FLAGS = 13
