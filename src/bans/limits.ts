/** Bytes that a line of a log may have: longer ones are counted and passed over, not cut. */
export const LONGEST_LINE = 65_536
