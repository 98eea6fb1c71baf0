/** The ICMPv6 header (RFC 4443 §2.1), as offsets in bytes from its first byte. */
export const PROTOCOL = 58
export const TYPE = 0
export const CODE = 1
