/**
 * How the connection state of a packet travels with it into the queue: in four bits of its mark, which the
 * divert rules set and the consumer clears. The other bits of the mark are left as they are.
 */
import { CtState } from '../packet/packet.js'

export const MARK_MASK = 0x0f000000

/** What iptables calls a state, the bits of the mark that stand for it, and the bit of CtState. */
export const STATES = [
  { name: 'NEW', mark: 0x01000000, state: CtState.new },
  { name: 'RELATED', mark: 0x02000000, state: CtState.related },
  { name: 'UNTRACKED', mark: 0x03000000, state: CtState.untracked },
] as const

const SHIFT = 24
const BY_MARK = new Int32Array((MARK_MASK >>> SHIFT) + 1)
for (const { mark, state } of STATES) BY_MARK[mark >>> SHIFT] = state

/** The bit of CtState that a mark carries; 0, which no rule matches, if it carries none. */
export function stateOf(mark: number): number {
  return BY_MARK[(mark & MARK_MASK) >>> SHIFT]!
}
