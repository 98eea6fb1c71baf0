import { describe, expect, test } from 'vitest'
import { checksum } from '../../support/language/packets.js'
import { addressBytes, buildPacket } from '../../support/packets.js'
import { rules, type Told } from '../../support/reference.js'

interface Spec {
  readonly source?: string
  readonly destination?: string
  readonly protocol: number
  readonly payload: readonly number[]
  /** Where the checksum belongs; none if there is none. */
  readonly sum?: number
  readonly fragmentOffset?: number
  readonly extensions?: readonly number[]
}

/** A packet with the right checksum in its transport header. */
function packet(
  { source = '10.0.0.7', destination = '10.0.0.1', protocol, payload, sum, ...more }: Spec,
  options: readonly number[] = [],
): Uint8Array {
  const bytes = [...payload]
  if (sum !== undefined) {
    const covers = source.includes(':') || protocol !== 1
    const ends = covers
      ? [...addressBytes(source), ...addressBytes(destination), 0, protocol, 0, bytes.length]
      : []
    const value = checksum([...ends, ...bytes])
    bytes[sum] = value >> 8
    bytes[sum + 1] = value & 255
  }
  const built = buildPacket({
    source,
    destination,
    protocol,
    payload: Uint8Array.from(bytes),
    ...more,
    options: options.length,
  })
  built.set(options, 20)
  return built
}

const header = (flags: number) => [0, 1, 0, 9, ...Array<number>(8).fill(0), 0x50, flags, 0, 0, 0, 0, 0, 0]
const TCP = { protocol: 6, payload: header(2), sum: 16 }
const UDP = { protocol: 17, payload: [0, 1, 0, 9, 0, 8, 0, 0], sum: 6 }
const ECHO = { protocol: 1, payload: [8, 0, 0, 0, 0, 1, 0, 1], sum: 2 }
const UNSUMMED = { protocol: 6, payload: header(2) }
const V6 = { source: 'fd00::7', destination: 'fd00::1' }

const answer = (rule: string, bytes: Uint8Array, told: Told = {}) => rules(rule).ask(bytes, told).verdict

describe('what is sent', () => {
  test.each([
    ['reject', TCP, 'reject:icmp-3/3', 'reject:icmpv6-1/4'],
    ['reject with icmpx no-route', UDP, 'reject:icmp-3/0', 'reject:icmpv6-1/0'],
    ['reject with icmpx host-unreachable', UDP, 'reject:icmp-3/1', 'reject:icmpv6-1/3'],
    ['reject with icmpx admin-prohibited', UDP, 'reject:icmp-3/13', 'reject:icmpv6-1/1'],
    ['reject with tcp reset', TCP, 'reject:tcp-reset', 'reject:tcp-reset'],
    ['reject with icmp host-unreachable', UDP, 'reject:icmp-3/1', 'drop'],
    ['reject with icmpv6 addr-unreachable', UDP, 'drop', 'reject:icmpv6-1/3'],
  ])('%s', (rule, spec, over4, over6) => {
    expect(answer(rule, packet(spec))).toBe(over4)
    expect(answer(rule, packet({ ...spec, ...V6 }))).toBe(over6)
  })

  test('what the rule has asked for itself is not asked for at its head', () => {
    const { ask, engine, ruleset } = rules(
      'counter tcp dport 9 reject with tcp reset\ncounter reject with tcp reset',
    )
    ask(packet(UDP))
    const counted = ruleset.tables[0]!.chains[0]!.rules.map((rule) => engine.countersOf(rule).length)
    expect(counted).toEqual([1, 0])
  })

  test('a reset is for TCP alone, and asks for it before everything else', () => {
    const { ask } = rules('limit rate 1/hour burst 1 packets reject with tcp reset')
    expect(ask(packet(UDP)).rule).toBeUndefined()
    expect(ask(packet(TCP)).verdict).toBe('reject:tcp-reset')
    expect(ask(packet(TCP)).rule).toBeUndefined()
  })
})

describe('what is dropped in silence', () => {
  test.each<[string, Uint8Array]>([
    ['an ICMP error', packet({ ...ECHO, payload: [3, 1, 0, 0, 0, 0, 0, 0] })],
    ['an ICMP type that nobody knows', packet({ ...ECHO, payload: [77, 0, 0, 0, 0, 0, 0, 0] })],
    ['ICMP without its type', packet({ protocol: 1, payload: [] })],
    ['an ICMPv6 error', packet({ ...V6, protocol: 58, payload: [1, 0, 0, 0, 0, 0, 0, 0], sum: 2 })],
    ['a wrong checksum', packet(UNSUMMED)],
    ['a wrong checksum of a protocol that nobody knows', packet({ protocol: 253, payload: [1, 2, 3, 4] })],
    ['a later fragment', packet({ ...UDP, fragmentOffset: 64 })],
    ['a later fragment of IPv6', packet({ ...UDP, ...V6, fragmentOffset: 64 })],
    ['what is for many, IPv6', packet({ ...UDP, ...V6, destination: 'ff02::1' })],
    ['what comes from nowhere', packet({ ...UDP, ...V6, source: '::' })],
    ['a header chain that leads nowhere', packet({ ...V6, protocol: 59, payload: [1, 2, 3, 4] })],
  ])('%s', (_, bytes) => {
    expect(rules('reject').ask(bytes)).toMatchObject({ verdict: 'drop', rule: expect.anything() })
  })

  test('no reset for a reset, nor for a header that is cut short', () => {
    const silent = (spec: Spec) => rules('reject with tcp reset').ask(packet(spec))
    for (const spec of [
      { ...TCP, payload: header(4) },
      { ...TCP, ...V6, payload: header(0x14) },
      { protocol: 6, payload: header(2).slice(0, 16), sum: 14 },
      UNSUMMED,
      { ...TCP, ...V6, source: '::ffff:10.0.0.7' },
    ])
      expect(silent(spec)).toMatchObject({ verdict: 'drop', rule: expect.anything() })
  })

  test('broadcasts of the link layer', () => {
    expect(answer('reject', packet(UDP), { pkttype: 1 })).toBe('drop')
  })
})

test.each<[string, Uint8Array]>([
  ['an echo request', packet(ECHO)],
  ['UDP without a checksum', packet({ protocol: 17, payload: UDP.payload })],
  ['what has a checksum of another kind', packet({ protocol: 132, payload: [1, 2, 3, 4] })],
  ['GRE', packet({ protocol: 47, payload: [0x80, 2, 3, 4, 5] })],
  ['what a capture cut off', packet(UNSUMMED).slice(0, 36)],
])('%s is answered', (_, bytes) => {
  expect(answer('reject', bytes)).toBe('reject:icmp-3/3')
})
