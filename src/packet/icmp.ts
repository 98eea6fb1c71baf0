/** The ICMP header (RFC 792), as offsets in bytes from its first byte. */
export const PROTOCOL = 1
export const TYPE = 0
export const CODE = 1

export const TYPES = {
  'echo-reply': 0,
  'destination-unreachable': 3,
  'echo-request': 8,
  'time-exceeded': 11,
  'parameter-problem': 12,
} as const
