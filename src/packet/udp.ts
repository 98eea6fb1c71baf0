/** The UDP header (RFC 768), as offsets in bytes from its first byte. */
export const PROTOCOL = 17
export const SOURCE_PORT = 0
export const DESTINATION_PORT = 2
