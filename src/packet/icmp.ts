/** The ICMP header (RFC 792), as offsets in bytes from its first byte. */
export const PROTOCOL = 1
export const TYPE = 0
export const CODE = 1
