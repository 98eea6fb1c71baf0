/** Cases of the flow tracker: conversations, and rulesets whose marks tell all that connection tracking makes of them. */
import { Random } from '../../support/conversations/random.js'
import {
  type ConversationOptions,
  conversations,
  DEFAULT_KINDS,
  judgeLine,
} from '../../support/conversations.js'
import type { Case } from './case.js'

const PACKETS = 1000
/** How many cases are of TCP alone. */
const TCP_ALONE = 0.7

/** What a mark tells of a packet's connection: its state, direction and status, and about how long it still lives. */
const MARKS: readonly [what: string, bits: number][] = [
  ['ct state invalid', 0x1],
  ['ct state established', 0x2],
  ['ct state related', 0x4],
  ['ct state new', 0x8],
  ['ct state untracked', 0x40],
  ['ct direction original', 0x100],
  ['ct direction reply', 0x200],
  ['ct status seen-reply', 0x1000],
  ['ct status assured', 0x2000],
  ['ct status confirmed', 0x4000],
  ...[
    '6s-10s',
    '15s-30s',
    '40s-60s',
    '80s-120s',
    '130s-180s',
    '190s-210s',
    '240s-300s',
    '400s-600s',
    '4d-5d',
  ].map((span, i): [string, number] => [`ct expiration ${span}`, (i + 1) << 16]),
]

/** What becomes of packets that are doomed: a drop leaves their connections as they are, a reset closes them. */
const DOOMS = ['drop', 'meta l4proto tcp reject with tcp reset'] as const

/** Marks everything, and lets go no further what has so many hops left. */
const chain = (
  hook: string,
  hops: number,
  doom: string,
) => ` chain ${hook} { type filter hook ${hook} priority 0;
${MARKS.map(([what, bits]) => `  ${what} meta mark set meta mark or 0x${bits.toString(16)}`).join('\n')}
  ip ttl ${hops} ${doom}
  ip6 hoplimit ${hops} ${doom}
 }
`

export function conversationCase(name: string, options: ConversationOptions, doom: string = DOOMS[0]): Case {
  // A packet that is forwarded has one hop less.
  const chains = [chain('input', 13, doom), chain('forward', 12, doom), chain('output', 13, doom)]
  return {
    name,
    loader: 'nft',
    rules: `table inet t {\n${chains.join('')}}\n`,
    lines: conversations(options).map(judgeLine),
    forwards: options.mode === 'forward',
  }
}

/** The case of a number among those of a seed. */
export function conversationOf(seed: number, number: number): Case {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0xc2b2ae35))
  const kinds = random.chance(TCP_ALONE) ? { tcp: 1 } : DEFAULT_KINDS
  const options = { seed: random.word(), packets: PACKETS, kinds, mode: 'forward' } as const
  return conversationCase(`seed ${seed}, conversation ${number}`, options, random.pick(DOOMS))
}
