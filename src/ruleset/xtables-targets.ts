/**
 * A target of iptables that changes or notes a packet in a way that nft has no statement for (iptables-extensions(8)).
 * It is held, so that a ruleset can be printed and compared, and decides nothing.
 */
export interface XtablesTarget {
  readonly kind: 'xtables target'
  readonly target: string
  /** Its options as they were written, word by word. */
  readonly options: readonly string[]
}
