/** The ICMPv6 header (RFC 4443 §2.1), as offsets in bytes from its first byte. */
export const PROTOCOL = 58
export const TYPE = 0
export const CODE = 1

/** nft's names of the types (RFC 4443, RFC 4861, RFC 2710, RFC 3810). */
export const TYPES = {
  'destination-unreachable': 1,
  'packet-too-big': 2,
  'time-exceeded': 3,
  'parameter-problem': 4,
  'echo-request': 128,
  'echo-reply': 129,
  'mld-listener-query': 130,
  'mld-listener-report': 131,
  'mld-listener-done': 132,
  'nd-router-solicit': 133,
  'nd-router-advert': 134,
  'nd-neighbor-solicit': 135,
  'nd-neighbor-advert': 136,
  'nd-redirect': 137,
  'mld2-listener-report': 143,
} as const
