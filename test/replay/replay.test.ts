import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Conversation, exchange, TcpFlags } from '../../bench/conversation.js'
import { Direction, LinkType } from '../../src/capture/link.js'
import { openCapture } from '../../src/capture/open.js'
import { PcapngWriter } from '../../src/capture/write.js'
import { Session } from '../../src/cli/judge/session.js'
import { SETTINGS } from '../../src/cli/judge.js'
import { loadPolicy } from '../../src/load/load.js'
import { type ReplayOptions, replay } from '../../src/replay/replay.js'
import { buildPacket } from '../support/packets.js'

const { syn: SYN } = TcpFlags
const POLICY = 'examples/ai-server.yaml'
const CAPTURE = 'examples/ai-server.pcapng'
const LOCAL = ['10.0.0.50/16', 'fd00:10::50/48']
const SERVER = { destination: '10.0.0.50', dport: 11_434 }

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-replay-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

interface Sent {
  /** Seconds. */
  readonly at?: number
  /** From the IP header on. */
  readonly packet: Uint8Array
  readonly direction?: number
  readonly interface?: string
}

let files = 0
/** A capture of these packets. */
function captured(packets: readonly Sent[]): string {
  const file = join(folder, `${files++}.pcapng`)
  const writer = new PcapngWriter(file)
  const numbers = new Map<string | undefined, number>()
  for (const { at = 0, packet, direction = Direction.unknown, interface: name } of packets) {
    if (!numbers.has(name)) {
      const described = {
        linkType: LinkType.raw,
        snapLength: 65_535,
        ...(name === undefined ? {} : { name }),
      }
      numbers.set(name, writer.addInterface(described))
    }
    const nanoseconds = Math.round((at % 1) * 1e9)
    writer.write(numbers.get(name)!, 1_700_000_000 + Math.floor(at), nanoseconds, packet, { direction })
  }
  writer.close()
  return file
}

const ip = (frame: Uint8Array) => frame.slice(14)
const opening = (source: string, sport = 40_000, ends: { destination: string; dport: number } = SERVER) =>
  ip(new Conversation({ source, sport, ...ends }).segment([false, SYN, 0]))

function rules(text: string) {
  return loadPolicy('rules.nft', { text: `table inet t {\n${text}\n}` })
}

/** The verdicts of a capture's packets, with who decided. */
async function verdicts(packets: readonly Sent[], text: string, options: ReplayOptions = { local: LOCAL }) {
  const said: string[] = []
  const onPacket: ReplayOptions['onPacket'] = ({ outcome, decider, hook }) => {
    said.push(decider === undefined ? outcome : `${outcome} ${hook} ${decider.place ?? decider.text}`)
  }
  const report = await replay([captured(packets)], rules(text), { ...options, onPacket })
  return { said, report }
}

const BOTH = `chain i { type filter hook input priority 0; policy accept; }
chain o { type filter hook output priority 0; policy accept; }
chain f { type filter hook forward priority 0; policy drop; }`

describe('the way of a packet', () => {
  const inwards = opening('10.0.0.7')
  const outwards = opening('10.0.0.50', 40_000, { destination: '10.0.2.10', dport: 5432 })
  const across = opening('10.0.0.7', 40_000, { destination: '10.0.2.10', dport: 5432 })

  test('is told by the host’s addresses', async () => {
    const { said } = await verdicts([{ packet: inwards }, { packet: outwards }, { packet: across }], BOTH)
    expect(said).toEqual([
      'accept input policy of chain i: accept',
      'accept output policy of chain o: accept',
      'elsewhere',
    ])
  })

  test('of one that is forwarded, once', async () => {
    const packets = [
      { packet: across, direction: Direction.inbound },
      { packet: across, direction: Direction.outbound },
      { packet: outwards, direction: Direction.outbound },
    ]
    const { said } = await verdicts(packets, BOTH, { local: LOCAL, forward: true })
    expect(said).toEqual([
      'drop forward policy of chain f: drop',
      'again',
      'accept output policy of chain o: accept',
    ])
  })

  test('of one that the host sends to itself, through both its ends', async () => {
    const within = opening('10.0.0.50', 40_000, { destination: '10.0.0.50', dport: 80 })
    const text = `chain i { type filter hook input priority 0; policy drop; iifname "lo" accept; }
chain o { type filter hook output priority 0; policy drop; oifname "lo" accept; }`
    expect((await verdicts([{ packet: within }], text)).said).toEqual(['accept input rules.nft:2'])
    const halves = [Direction.outbound, Direction.inbound].map((direction) => ({ packet: within, direction }))
    expect((await verdicts(halves, text)).said).toEqual([
      'accept output rules.nft:3',
      'accept input rules.nft:2',
    ])
  })

  test('goes by interfaces as the capture names them', async () => {
    const text = `chain i { type filter hook input priority 0; policy drop; iifname "wg0" accept; }`
    const packets = ['eth7', 'wg0'].map((name) => ({ packet: inwards, interface: name }))
    expect((await verdicts(packets, text)).said).toEqual([
      'drop input policy of chain i: drop',
      'accept input rules.nft:2',
    ])
    const named = { local: LOCAL, interface: 'wg0' }
    expect((await verdicts([{ packet: inwards }], text, named)).said).toEqual(['accept input rules.nft:2'])
  })

  test('no IP, and a header that no hook sees, are told', async () => {
    const broken = inwards.slice()
    broken[10]! ^= 1
    const { said, report } = await verdicts([{ packet: Uint8Array.of(0x10, 1, 2) }, { packet: broken }], BOTH)
    expect(said).toEqual(['foreign', 'malformed'])
    expect(report.outcomes.malformed.packets).toBe(1)
  })
})

describe('whose traffic it is', () => {
  const conversation = (source: string) => {
    const one = new Conversation({ source, sport: 50_000, ...SERVER })
    return exchange(10, 1, 10).map((segment) => ({ packet: ip(one.segment(segment)) }))
  }

  test('is guessed by the address that is an end of most flows, and said', async () => {
    const packets = ['10.0.0.7', '10.0.0.8', '10.0.0.9'].flatMap(conversation)
    const { report } = await verdicts(packets, BOTH, {})
    expect(report.host).toEqual({
      addresses: ['10.0.0.50'],
      guessed: '3 of 3 flows looked at begin or end there',
    })
    expect(report.outcomes.accept.packets).toBe(packets.length)
  })

  test('of one conversation it is whom it is begun towards', async () => {
    expect((await verdicts(conversation('10.0.0.99'), BOTH, {})).report.host.addresses).toEqual(['10.0.0.50'])
  })

  test('is told by directions, if the capture has some', async () => {
    const packets = ['10.0.0.7', '10.0.0.8'].map((source) => ({
      packet: opening(source),
      direction: Direction.outbound,
    }))
    const { report } = await verdicts(packets, BOTH, {})
    expect(report.host).toEqual({
      addresses: ['10.0.0.7', '10.0.0.8'],
      guessed: 'by the directions of packets that the capture tells',
    })
  })

  test.each<[string, string[], ReplayOptions, RegExp]>([
    ['standard input', ['-'], {}, /^standard input cannot be read twice, for a guess: .*--local/],
    ['a host that forwards', [CAPTURE], { forward: true }, /^whose packets are forwarded cannot be guessed/],
    ['no address', [CAPTURE], { local: ['10.0.0.1/33'] }, /^10\.0\.0\.1\/33 is no address of a host/],
    ['loopback', [CAPTURE], { local: ['10.0.0.1/8@lo'] }, /is no address of a host/],
  ])('cannot be guessed, or makes no sense: %s', async (_, paths, options, message) => {
    await expect(replay(paths, rules(BOTH), options)).rejects.toThrow(message)
  })
})

describe('what is counted', () => {
  test('packets, bytes, flows and times of who decided; sources and destinations of what was dropped', async () => {
    const packets = [
      { at: 1, packet: opening('10.0.0.7', 1) },
      { at: 2, packet: opening('10.0.0.7', 1) },
      { at: 3.5, packet: opening('10.0.0.7', 2) },
      { at: 4, packet: opening('fd00:10::7', 2, { destination: 'fd00:10::50', dport: 22 }) },
      { at: 5, packet: opening('10.0.0.8', 2, { destination: '10.0.0.50', dport: 22 }) },
    ]
    const { report } = await verdicts(
      packets,
      `chain i { type filter hook input priority 0; policy drop; tcp dport 11434 counter accept comment "ollama"
tcp dport 80 accept
tcp dport 22 ip saddr 10.0.0.0/8 reject; }`,
    )
    const at = (seconds: string) => `2023-11-14T22:13:${seconds}.000000Z`
    expect(report).toMatchObject({
      packets: 5,
      first: at('21'),
      last: at('25'),
      outcomes: { accept: { packets: 3, bytes: 120 }, drop: { packets: 1 }, reject: { packets: 1 } },
      deciders: [
        {
          verdict: 'accept',
          place: 'rules.nft:2',
          name: 'ollama',
          packets: 3,
          bytes: 120,
          flows: 2,
          first: at('21'),
          last: '2023-11-14T22:13:23.500000Z',
        },
        { verdict: 'reject', place: 'rules.nft:4', packets: 1, flows: 1 },
        { kind: 'policy', verdict: 'drop', text: 'policy of chain i: drop', packets: 1, bytes: 60 },
      ],
      idle: [{ place: 'rules.nft:3' }],
      sources: [
        { address: 'fd00:10::7', packets: 1, bytes: 60 },
        { address: '10.0.0.8', packets: 1, bytes: 40 },
      ],
    })
    expect(report.destinations.map(({ address }) => address)).toEqual(['fd00:10::50', '10.0.0.50'])
  })

  test('a conversation is one flow, whichever way its packets go, and however often rules change', async () => {
    const one = new Conversation({ source: '10.0.0.7', sport: 9, ...SERVER })
    const packets = exchange(10, 2, 10).map((segment) => ({ packet: ip(one.segment(segment)) }))
    const { report } = await verdicts(
      packets,
      `chain i { type filter hook prerouting priority 0; numgen inc mod 2 0 accept; }
chain o { type filter hook output priority 0; ct state established accept; }`,
    )
    expect(report.deciders.map(({ flows, packets }) => [flows, packets])).toEqual([
      [1, 3],
      [1, 6],
      [1, 3],
    ])
    expect(report.connections.entered).toBe(1)
  })

  test.each(['ct packets > 4', 'ct bytes > 200', 'ct avgpkt > 41'])(
    'connections are counted for %s',
    async (match) => {
      const one = new Conversation({ source: '10.0.0.7', sport: 9, ...SERVER })
      const packets = exchange(10, 2, 10).map((segment) => ({ packet: ip(one.segment(segment)) }))
      const { report } = await verdicts(
        packets,
        `chain i { type filter hook input priority 0; ${match} drop; }`,
      )
      expect(report.outcomes.drop.packets).toBeGreaterThan(0)
    },
  )

  test('limits go by the captures’ time', async () => {
    const attempts = (start: number) =>
      Array.from({ length: 25 }, (_, i) => ({ at: start + i, packet: opening('10.0.0.7', start * 100 + i) }))
    const file = captured([...attempts(1), ...attempts(100)])
    const { deciders } = await replay([file], loadPolicy(POLICY), { local: LOCAL })
    expect(deciders.map(({ verdict, packets }) => [verdict, packets])).toEqual([
      ['accept', 40],
      ['drop', 10],
    ])
  })

  test('a datagram is judged whole, when its last fragment comes: in and out', async () => {
    const datagram = (source: string, destination: string) => {
      const payload = new Uint8Array(24)
      new DataView(payload.buffer).setUint32(0, (53 << 16) | 53)
      new DataView(payload.buffer).setUint16(4, 24)
      const fragment = (fragmentOffset: number, moreFragments: boolean, part: Uint8Array) =>
        withChecksum(
          buildPacket({ source, destination, protocol: 17, payload: part, fragmentOffset, moreFragments }),
        )
      return [
        { packet: fragment(0, true, payload.subarray(0, 16)) },
        { packet: fragment(16, false, payload.subarray(16)) },
      ]
    }
    const text = `chain i { type filter hook input priority 0; policy drop; udp dport 53 accept; }
chain o { type filter hook output priority 0; policy drop; ct state new udp dport 53 accept; }`
    const packets = [...datagram('10.0.0.7', '10.0.0.50'), ...datagram('10.0.0.50', '10.0.2.1')]
    const { said, report } = await verdicts(packets, text)
    expect(said).toEqual(['held', 'accept input rules.nft:2', 'held', 'accept output rules.nft:3'])
    expect(report.deciders.map(({ bytes }) => bytes)).toEqual([44, 44])
  })

  test('several captures are one, by time; what was cut is told', async () => {
    const early = captured([{ at: 1, packet: opening('10.0.0.7') }])
    const late = captured([2, 3].map((at) => ({ at, packet: opening('10.0.0.8', at) })))
    writeFileSync(late, readFileSync(late).subarray(0, -8))
    const numbers: string[] = []
    const report = await replay([late, early], rules(BOTH), {
      local: LOCAL,
      onPacket: ({ number, time }) => numbers.push(`${number} ${time.slice(17, 19)}`),
    })
    expect(numbers).toEqual(['1 21', '2 22'])
    expect(report.truncated).toEqual([
      expect.stringMatching(/the capture is cut: .*\n.*packet before it is good/),
    ])
  })

  test('a table of connections that is full drops what is new', async () => {
    const packets = Array.from({ length: 50 }, (_, i) => ({ packet: opening('10.0.0.7', 1000 + i) }))
    const text = `chain i { type filter hook input priority 0; ct state new accept; }`
    const { report } = await verdicts(packets, text, { local: LOCAL, connections: 10 })
    const { entered, evicted, refused } = report.connections
    expect(entered + refused).toBe(50)
    expect(evicted + refused).toBeGreaterThanOrEqual(40)
  })
})

describe('what captures do not tell', () => {
  const packets = [{ packet: opening('10.0.0.50', 1, { destination: '10.0.2.1', dport: 80 }) }]
  const chain = (rule: string) =>
    `chain o { type filter hook output priority 0; policy drop; ${rule} accept; }`

  test.each<[string, ReplayOptions['assume'], string]>([
    ['meta skuid 0', { uid: 0, gid: 5 }, 'whose socket'],
    ['meta skgid 5', { uid: 0, gid: 5 }, 'whose socket'],
    ['meta priority 1:2', { priority: 0x10002 }, 'priorities'],
  ])('%s is refused, unless it is assumed', async (rule, assume, reason) => {
    await expect(verdicts(packets, chain(rule))).rejects.toThrow(reason)
    const { said } = await verdicts(packets, chain(rule), { local: LOCAL, assume: assume! })
    expect(said).toEqual(['accept output rules.nft:2'])
  })

  test('packet types follow from the destination', async () => {
    const text = `chain i { type filter hook input priority 0; policy drop; meta pkttype broadcast accept; }`
    const broadcast = opening('10.0.0.7', 1, { destination: '10.0.255.255', dport: 80 })
    const said = (await verdicts([{ packet: broadcast }, { packet: opening('10.0.0.7') }], text)).said
    expect(said.map((one) => one.split(' ')[0])).toEqual(['accept', 'drop'])
  })

  test('checksums are not looked at, unless asked for', async () => {
    const wrong = opening('10.0.0.7')
    wrong[36]! ^= 1
    const text = `chain i { type filter hook input priority 0; ct state invalid drop; }`
    expect((await verdicts([{ packet: wrong }], text)).said[0]).toMatch(/^accept/)
    const strict = { local: LOCAL, checksums: true }
    expect((await verdicts([{ packet: wrong }], text, strict)).said[0]).toMatch(/^drop/)
  })
})

test('the plain evaluator says the same of each packet of the example', async () => {
  const settings = {
    ...SETTINGS,
    interfaces: ['lo', 'eth0'],
    addresses: LOCAL.map((text) => {
      const [address = '', length] = text.split('/')
      return { address, length: Number(length), interface: 2 }
    }),
  }
  const policy = loadPolicy(POLICY)
  const session = new Session(policy.ruleset, {
    settings,
    evaluator: 'reference',
    explain: true,
    seeds: [1, 2],
    random: () => 0,
    clock: { origin: 0n, timeZone: 'UTC' },
  })
  const ours: string[] = []
  await replay([CAPTURE], policy, {
    local: LOCAL,
    onPacket: ({ outcome, decider }) =>
      ours.push(
        `${outcome} ${decider?.place ?? (decider?.kind === 'policy' ? `policy-of:${decider.chain}` : 'rule')}`,
      ),
  })
  const theirs: string[] = []
  const reader = await openCapture(CAPTURE)
  while (await reader.fill()) {
    while (reader.next()) {
      const { packet, direction } = reader
      const hex = Buffer.from(reader.bytes.subarray(packet.network, packet.end)).toString('hex')
      session.time = packet.time[0]!
      const line = Buffer.from(`${direction === Direction.outbound ? 'O -' : 'I eth0'} ${hex}`)
      const [, verdict, , decider] = session.judge(line, 0, line.length)!.trim().split(' ')
      theirs.push(`${verdict} ${decider}`)
    }
  }
  reader.close()
  expect(ours.length).toBe(832)
  expect(ours).toEqual(theirs)
})

/** An IPv4 packet with its header's checksum. */
function withChecksum(packet: Uint8Array): Uint8Array {
  const view = new DataView(packet.buffer, packet.byteOffset)
  let sum = 0
  for (let at = 0; at < 20; at += 2) sum += view.getUint16(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  view.setUint16(10, ~sum & 0xffff)
  return packet
}
