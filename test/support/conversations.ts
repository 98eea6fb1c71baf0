/**
 * Whole conversations, many at a time: TCP with retransmissions, resets, windows overrun and ports used again, UDP,
 * ICMP with errors about what was said, SCTP, tunnels, fragments and rubbish; IPv4 and IPv6. Pure and seeded: the
 * same options give the same packets. Made for a world of two kinds:
 *
 * - `forward`: hosts 10.0.0.2 to .5 (fd00::2 to ::5) behind eth0 talk with 10.1.0.2 to .5 (fd00:1::2 to ::5) behind
 *   eth1; the judge forwards (its options: -f -i eth0 -i eth1 -a 10.0.0.1/24@eth0 -a 10.1.0.1/24@eth1
 *   -a fd00::1/64@eth0 -a fd00:1::1/64@eth1).
 * - `local`: the judge is 10.0.0.1 (fd00::1) itself (-i eth0 -a 10.0.0.1/24@eth0 -a fd00::1/64@eth0) and talks with
 *   10.0.0.2 to .5: packets arrive on eth0, or are sent.
 *
 * Checksums are right, but for the few that are broken on purpose. About one packet in fifty has a time to live (hop
 * limit) of 13: for rulesets to drop, so that connections begin without ever entering the table.
 */
import { FragmentTalk } from './conversations/fragments.js'
import { DatagramTalk, ErrorTalk, MessageTalk, NeighbourTalk, RawTalk } from './conversations/others.js'
import { Random } from './conversations/random.js'
import { AssociationTalk } from './conversations/sctp.js'
import type { Said, Setting, Talk } from './conversations/talk.js'
import { TcpTalk } from './conversations/tcp.js'
import { Protocol } from './conversations/wire.js'

export interface Step {
  /** It arrives on `device`, or the judge's host sends it (`device` is then '-'). */
  readonly way: 'arrives' | 'sent'
  readonly device: string
  /** The packet from its IP header on. */
  readonly bytes: Uint8Array
}

const TALKS = {
  tcp: (setting: Setting): Talk => new TcpTalk(setting),
  udp: (setting: Setting): Talk => new DatagramTalk(setting),
  udplite: (setting: Setting): Talk => new DatagramTalk(setting, Protocol.udplite),
  icmp: (setting: Setting): Talk => new MessageTalk(setting),
  errors: (setting: Setting): Talk => new ErrorTalk(setting),
  neighbours: (setting: Setting): Talk => new NeighbourTalk(setting),
  sctp: (setting: Setting): Talk => new AssociationTalk(setting),
  raw: (setting: Setting): Talk => new RawTalk(setting),
  fragments: (setting: Setting): Talk => new FragmentTalk(setting),
}
export type TalkKind = keyof typeof TALKS

export interface ConversationOptions {
  readonly seed: number
  /** How many packets; some may be added to end what is said at once. */
  readonly packets: number
  readonly mode: 'forward' | 'local'
  /** How often a conversation is of a kind; kinds left out do not occur. Default: TCP half of them. */
  readonly kinds?: Partial<Readonly<Record<TalkKind, number>>>
  /** Ports of the side that begins, and of the other: few, so that they are used again. */
  readonly clientPorts?: readonly number[]
  readonly serverPorts?: readonly number[]
}

export const DEFAULT_KINDS: Readonly<Record<TalkKind, number>> = {
  tcp: 10,
  udp: 3,
  udplite: 0.5,
  icmp: 2,
  errors: 2,
  neighbours: 0.5,
  sctp: 1.5,
  raw: 1,
  fragments: 1,
}

/** How many conversations go on at a time. */
const LIVE = 8
/** How many packets are remembered for errors to quote. */
const HEARD = 24
/** Few hosts, so that tuples meet. */
const HOSTS = [2, 3, 4, 5]

interface Live {
  readonly talk: Talk
  /** The judge's host is this party of it (local), or it is behind eth0 (forward). */
  readonly near: 0 | 1
  left: number
}

export function conversations(options: ConversationOptions): Step[] {
  const random = new Random(options.seed)
  const heard: Uint8Array[] = []
  const live: Live[] = []
  const steps: Step[] = []
  while (steps.length < options.packets) {
    if (live.length < LIVE) live.push(begin(options, random, heard))
    const one = random.pick(live)
    for (const said of one.talk.next()) {
      steps.push(step(options.mode, one.near, said))
      heard.push(said.bytes)
      if (heard.length > HEARD) heard.splice(random.below(HEARD), 1)
      one.left--
    }
    if (one.left <= 0) live.splice(live.indexOf(one), 1)
  }
  return steps
}

function begin(options: ConversationOptions, random: Random, heard: readonly Uint8Array[]): Live {
  const kinds = Object.entries(options.kinds ?? DEFAULT_KINDS) as [TalkKind, number][]
  const kind = random.weighted(kinds.map(([name, weight]) => [weight, name]))
  const near = random.chance(0.7) ? 0 : 1
  const prefix = kind === 'neighbours' || random.chance(0.3) ? ['fd00::', 'fd00:1::'] : ['10.0.0.', '10.1.0.']
  const here = prefix[0]! + (options.mode === 'local' ? 1 : random.pick(HOSTS))
  const there = prefix[options.mode === 'local' ? 0 : 1]! + random.pick(HOSTS)
  // A host that forwards may see one that talks with itself.
  const self = options.mode === 'forward' && random.chance(0.02)
  const setting: Setting = {
    random,
    heard,
    addresses: self ? [there, there] : near === 0 ? [here, there] : [there, here],
    ports: [
      random.pick(options.clientPorts ?? [40000, 40001, 40002, 1024]),
      random.pick(options.serverPorts ?? [80, 443, 40000]),
    ],
  }
  return { talk: TALKS[kind](setting), near, left: 2 + random.below(60) }
}

function step(mode: 'forward' | 'local', near: 0 | 1, { from, bytes }: Said): Step {
  if (mode === 'forward') return { way: 'arrives', device: from === near ? 'eth0' : 'eth1', bytes }
  return from === near ? { way: 'sent', device: '-', bytes } : { way: 'arrives', device: 'eth0', bytes }
}

/** A step as a line of the judge's input: `I eth0 HEX` or `O - HEX`. */
export function judgeLine({ way, device, bytes }: Step): string {
  return `${way === 'arrives' ? 'I' : 'O'} ${device} ${Buffer.from(bytes).toString('hex')}`
}
