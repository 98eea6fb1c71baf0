import { describe, expect, test } from 'vitest'
import type { Host } from '../../../src/engine/environment.js'
import { createXtablesStep, xtablesNeeds } from '../../../src/engine/xtables/step.js'
import { CtState, type Packet } from '../../../src/packet/packet.js'
import type { XtablesMatch } from '../../../src/ruleset/xtables.js'
import { buildPacket, segment } from '../../support/packets.js'
import { FakeConnections, fakeFlow } from '../../support/xtables-connections.js'
import { contextOf, type Match, matcher } from '../../support/xtables-run.js'

const V4 = { source: '10.0.0.7', destination: '10.0.0.1' }
const V6 = { source: 'fd00::7', destination: 'fd00::1' }

/** A TCP header with options, and what follows. */
function tcp(
  options: number[] = [],
  { flags = 2, words = 5 + options.length / 4, data = [] as number[] } = {},
): Uint8Array {
  const head = [0, 80, 0, 22, 0, 0, 0, 1, 0, 0, 0, 0, words << 4, flags, 255, 255, 0, 0, 0, 0]
  return Uint8Array.from([...head, ...options, ...data])
}

const ipv4 = (protocol: number, payload: Uint8Array, more: object = {}) =>
  buildPacket({ ...V4, protocol, payload, ...more })
const ipv6 = (protocol: number, payload: Uint8Array, more: object = {}) =>
  buildPacket({ ...V6, protocol, payload, ...more })
const udpWith = (text: string) => {
  const bytes = Uint8Array.from(text, (each) => each.charCodeAt(0))
  return ipv4(17, Uint8Array.from([0, 1, 0, 2, 0, 8 + bytes.length, 0, 0, ...bytes]))
}
const syn = segment('tcp', V4.source, V4.destination, 22, 80)

describe('headers that are cut short', () => {
  const short: [name: string, match: Match, protocol: number, bytes: number][] = [
    ['tcp', { name: 'tcp' }, 6, 20],
    ['udp', { name: 'udp' }, 17, 8],
    ['icmp', { name: 'icmp', type: 255, code: { from: 0, to: 255 } }, 1, 8],
    ['multiport', { name: 'multiport', side: 'either', ports: [{ from: 0, to: 65535 }] }, 6, 4],
    ['sctp', { name: 'sctp' }, 132, 12],
    ['dccp', { name: 'dccp' }, 33, 12],
    ['esp', { name: 'esp' }, 50, 8],
    ['ah', { name: 'ah' }, 51, 12],
    ['ipcomp', { name: 'ipcomp' }, 108, 4],
  ]
  test.each(short)(
    '%s drops a packet with a byte too few, and never matches a later fragment',
    (_, match, protocol, length) => {
      const step = matcher(match)
      expect(step(ipv4(protocol, new Uint8Array(length)))).toBe('yes')
      expect(step(ipv4(protocol, new Uint8Array(length - 1)))).toBe('hotdrop')
      expect(step(ipv4(protocol, new Uint8Array(length), { fragmentOffset: 64 }))).toBe('no')
    },
  )

  test('tcp drops a fragment that would overwrite its flags, of IPv4 only', () => {
    expect(matcher({ name: 'tcp' })(ipv4(6, tcp(), { fragmentOffset: 8 }))).toBe('hotdrop')
    expect(matcher({ name: 'tcp' }, { family: 'ip6' })(ipv6(6, tcp(), { fragmentOffset: 8 }))).toBe('no')
  })

  test('ip6tables drops where the chain of headers runs out, and finds what is behind an authentication header', () => {
    const protocol = matcher({ name: 'protocol', protocol: 6 }, { family: 'ip6' })
    const behind = ipv6(6, tcp(), { extensions: [51] })
    behind[41] = 0
    expect(protocol(behind)).toBe('yes')
    expect(protocol(ipv6(17, tcp()))).toBe('no')
    expect(protocol(behind.slice(0, 41))).toBe('hotdrop')
    expect(matcher({ name: 'tcp', dport: { from: 22, to: 22 } }, { family: 'ip6' })(behind)).toBe('yes')
  })

  test.each(['hbh', 'dst', 'rt'] as const)('%s drops a packet that ends before the header says', (name) => {
    const kind = { hbh: 0, dst: 60, rt: 43 }[name]
    const match = matcher({ name }, { family: 'ip6' })
    const packet = ipv6(17, new Uint8Array(8), { extensions: [kind] })
    expect(match(packet)).toBe('yes')
    packet[41] = 2
    expect(match(packet)).toBe('hotdrop')
    expect(match(ipv6(17, new Uint8Array(8)))).toBe('no')
  })
})

describe('tcp', () => {
  test('its options are looked through as far as they can be believed', () => {
    const option = (kind: number, invert = false) => matcher({ name: 'tcp', option: { kind, invert } })
    const sack = tcp([1, 1, 4, 2])
    expect(option(4)(ipv4(6, sack))).toBe('yes')
    expect(option(2)(ipv4(6, sack))).toBe('no')
    expect(option(2, true)(ipv4(6, sack))).toBe('yes')
    expect(option(4)(ipv4(6, tcp([4, 2, 1, 1], { words: 7 })))).toBe('hotdrop')
    expect(option(4)(ipv4(6, tcp([], { words: 4 })))).toBe('hotdrop')
    // A length of 0 counts as 1.
    expect(option(4)(ipv4(6, tcp([200, 0, 4, 2])))).toBe('yes')
  })

  test('flags under a mask', () => {
    const flags = matcher({ name: 'tcp', flags: { mask: 0x17, set: 2 } })
    expect([2, 0x12, 0xc2].map((each) => flags(ipv4(6, tcp([], { flags: each }))))).toEqual([
      'yes',
      'no',
      'yes',
    ])
  })

  test('without an MSS tcpmss answers as to another one', () => {
    const mss = matcher({ name: 'tcpmss', from: 500, to: 600 })
    const other = matcher({ name: 'tcpmss', from: 500, to: 600, invert: true })
    const packets = [[2, 4, 2, 24], [2, 4, 5, 180], [1, 1, 1, 0], []].map((options) => ipv4(6, tcp(options)))
    expect(packets.map((packet) => mss(packet))).toEqual(['yes', 'no', 'no', 'no'])
    expect(packets.map((packet) => other(packet))).toEqual(['no', 'yes', 'yes', 'yes'])
  })
})

test('sctp: any of the chunks, all of them, or only them', () => {
  const chunk = (type: number, flags = 0) => [type, flags, 0, 4]
  const packet = (...chunks: number[][]) =>
    ipv4(132, Uint8Array.from([...Array(12).fill(0), ...chunks.flat()]))
  const answers = (match: 'any' | 'all' | 'only') => {
    const step = matcher({
      name: 'sctp',
      chunks: { match, types: [{ type: 0, flags: { mask: 1, set: 1 } }, { type: 3 }] },
    })
    return [
      [chunk(0, 1), chunk(3)],
      [chunk(0, 0), chunk(3)],
      [chunk(3)],
      [chunk(0, 1), chunk(7)],
      [chunk(7)],
    ].map((chunks) => step(packet(...chunks)))
  }
  expect(answers('any')).toEqual(['yes', 'yes', 'yes', 'yes', 'no'])
  expect(answers('all')).toEqual(['yes', 'no', 'no', 'no', 'no'])
  expect(answers('only')).toEqual(['yes', 'no', 'yes', 'no', 'no'])
  const any = matcher({ name: 'sctp', chunks: { match: 'any', types: [{ type: 9 }] } })
  expect(any(packet([0, 0, 0, 0]))).toBe('hotdrop')
})

test('dccp: types from 10 on are invalid ones', () => {
  const packet = (type: number) =>
    ipv4(33, Uint8Array.from([0, 1, 0, 2, 5, 0, 0, 0, type << 1, 0, 0, 0, ...Array(8).fill(0)]))
  const match = matcher({ name: 'dccp', types: { any: [3, 10] } })
  expect([2, 3, 10, 15].map((type) => match(packet(type)))).toEqual(['no', 'yes', 'yes', 'yes'])
})

describe('string', () => {
  test('finds bytes between two places', () => {
    const packet = udpWith('xxabcxx')
    const at = (from?: number, to?: number) =>
      matcher({
        name: 'string',
        algorithm: 'bm',
        pattern: 'abc',
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
      })(packet)
    expect(at()).toBe('yes')
    expect([at(30), at(31), at(0, 33), at(0, 32)]).toEqual(['yes', 'no', 'yes', 'no'])
  })

  test('begins anew after what looked like it', () => {
    const match = matcher({ name: 'string', algorithm: 'kmp', pattern: 'aabaac' })
    expect(match(udpWith('aabaabaac'))).toBe('yes')
    expect(match(udpWith('aabaabaad'))).toBe('no')
  })

  test('without case it folds latin1 as the kernel does', () => {
    const found = (pattern: string, text: string) =>
      matcher({ name: 'string', algorithm: 'bm', pattern, ignoreCase: true })(udpWith(text))
    expect(found('\u00e4b', '\u00c4B')).toBe('yes')
    expect(found('\u00f7', '\u00d7')).toBe('no')
    // What is in capitals already is not folded twice.
    expect([found('\u00df', '\u00bf'), found('\u00ff', '\u00df')]).toEqual(['yes', 'no'])
  })

  test("Boyer and Moore's leaps over a ß or ÿ in small letters, as the kernel's does", () => {
    const found = (algorithm: 'bm' | 'kmp', text: string) =>
      matcher({ name: 'string', algorithm, pattern: '\u00ffA', ignoreCase: true })(udpWith(text))
    expect([found('bm', 'a\u00ffAA'), found('kmp', 'a\u00ffAA')]).toEqual(['no', 'yes'])
    expect(found('bm', '\u00ffA')).toBe('yes')
  })
})

test('u32 goes from header to header', () => {
  const port = matcher({
    name: 'u32',
    tests: [
      { start: 6, operations: [{ operator: '&', number: 0xff }], values: [{ from: 6, to: 6 }] },
      {
        start: 0,
        operations: [
          { operator: '>>', number: 22 },
          { operator: '&', number: 0x3c },
          { operator: '@', number: 0 },
          { operator: '&', number: 0xffff },
        ],
        values: [
          { from: 20, to: 21 },
          { from: 22, to: 22 },
        ],
      },
    ],
  })
  expect(port(syn)).toBe('yes')
  expect(port(segment('tcp', V4.source, V4.destination, 23))).toBe('no')
  const beyond = { start: 37, operations: [], values: [{ from: 0, to: 0xffffffff }] }
  expect(matcher({ name: 'u32', tests: [beyond] })(syn)).toBe('no')
  expect(matcher({ name: 'u32', tests: [{ ...beyond, start: 36 }] })(syn)).toBe('yes')
})

describe('time', () => {
  // Tuesday, 14 November 2023, 22:13:20 UTC.
  const clock = { origin: 1_700_000_000_000_000_000n, timeZone: 'America/New_York' }
  const at = (match: Omit<Match & { name: 'time' }, 'name'>, seconds = 0) =>
    matcher({ name: 'time', ...match }, { context: contextOf({ clock }) })(syn, { ms: seconds * 1000 })
  const TEN_PM = 22 * 3600

  test('takes days and times of UTC, their ends included', () => {
    expect(at({ weekdays: { any: [2] }, monthdays: { any: [14] } })).toBe('yes')
    expect(at({ weekdays: { any: [2], invert: true } })).toBe('no')
    expect(at({ timeStart: TEN_PM, timeStop: TEN_PM + 800 })).toBe('yes')
    expect(at({ timeStart: TEN_PM, timeStop: TEN_PM + 800 }, 1)).toBe('no')
    expect(at({ dateStart: 1_700_000_000, dateStop: 1_700_000_000 })).toBe('yes')
    expect(at({ dateStart: 1_700_000_001 })).toBe('no')
  })

  test('a time over midnight is of two days, unless it is contiguous', () => {
    const night = { timeStart: TEN_PM, timeStop: 3600, weekdays: { any: [2] } }
    expect(at(night)).toBe('yes')
    expect(at(night, 2 * 3600)).toBe('no')
    expect(at({ ...night, contiguous: true }, 2 * 3600)).toBe('yes')
    expect(at({ ...night, contiguous: true }, 3 * 3600)).toBe('no')
  })

  test("the kernel's time zone is the clock's", () => {
    expect(at({ timeStart: 17 * 3600, timeStop: 18 * 3600, kernelTimeZone: true })).toBe('yes')
    expect(at({ timeStart: 17 * 3600, timeStop: 18 * 3600 })).toBe('no')
  })

  test('days of months are those of the calendar', () => {
    for (let day = 0; day < 800; day++) {
      const date = new Date((1_700_000_000 + day * 86400) * 1000).getUTCDate()
      expect(at({ monthdays: { any: [date] } }, day * 86400)).toBe('yes')
    }
  })
})

describe('owner', () => {
  const root = (packet: Packet) => {
    packet.uid = packet.gid = 0
  }
  test('is of the socket that sends', () => {
    const match = matcher({ name: 'owner', uid: { from: 0, to: 10 }, gid: { from: 5, to: 5, invert: true } })
    expect(match(syn, { change: root })).toBe('yes')
    expect(matcher({ name: 'owner', socketExists: { invert: true } })(syn, { change: root })).toBe('no')
  })
  test('without a socket what was asked for the other way round holds', () => {
    const change = (packet: Packet) => {
      packet.uid = packet.gid = -1
    }
    expect(matcher({ name: 'owner', uid: { from: 0, to: 0, invert: true } })(syn, { change })).toBe('yes')
    expect(matcher({ name: 'owner', uid: { from: 0, to: 0 } })(syn, { change })).toBe('no')
    expect(matcher({ name: 'owner', socketExists: {} })(syn, { change })).toBe('no')
  })
})

test('addrtype: an IPv6 address must be of all the types that its bits tell', () => {
  const host: Host = { addressType: (_, which) => (which === 'source' ? 1 : 2) }
  const ask = (family: 'ip' | 'ip6', match: Omit<Match & { name: 'addrtype' }, 'name'>) =>
    matcher(
      { name: 'addrtype', ...match },
      { family, context: contextOf({ host }) },
    )(family === 'ip' ? syn : ipv6(6, tcp()))
  expect(
    ask('ip', { destination: { any: ['unicast', 'local'] }, source: { any: ['local'], invert: true } }),
  ).toBe('yes')
  expect(ask('ip6', { destination: { any: ['unicast', 'local'] } })).toBe('yes')
  expect(ask('ip6', { destination: { any: ['multicast', 'local'] } })).toBe('no')
  expect(ask('ip6', { source: { any: ['unicast', 'local'] } })).toBe('no')
})

describe('conntrack', () => {
  const connections = new FakeConnections([fakeFlow({ status: 8 | 16, expires: 29_999 })])
  const context = contextOf({ connections })
  const ask = (match: Omit<Match & { name: 'conntrack' }, 'name'>, flow = 0, state: number = CtState.new) =>
    matcher({ name: 'conntrack', ...match }, { context })(syn, {
      flow,
      change: (packet) => {
        packet.ctState = state
      },
    })

  test('without a connection only states are decided', () => {
    expect(ask({ states: { any: ['invalid'] }, protocol: { number: 17 } }, -1, CtState.invalid)).toBe('yes')
    expect(ask({ protocol: { number: 6 } }, -1, CtState.invalid)).toBe('no')
    expect(ask({ states: { any: ['new'], invert: true } }, -1, CtState.untracked)).toBe('yes')
  })

  test('asks the connection for what it is', () => {
    expect(ask({ states: { any: ['snat'] } })).toBe('yes')
    expect(ask({ status: { any: ['none'] } })).toBe('no')
    expect(ask({ status: { any: ['assured'], invert: true }, expire: { from: 29, to: 29 } })).toBe('yes')
    expect(ask({ originalSource: { value: 0x0a000000n, mask: 0xff000000n }, direction: 'original' })).toBe(
      'yes',
    )
    expect(ask({ replySourcePort: { from: 22, to: 22 } })).toBe('yes')
    expect(ask({ direction: 'reply' })).toBe('no')
  })

  test('connbytes of one number cannot be inverted', () => {
    const bytes = (from: bigint, to: bigint) =>
      matcher({ name: 'connbytes', from, to, mode: 'packets', direction: 'both', invert: true }, { context })(
        syn,
        { flow: 0 },
      )
    expect([bytes(1n, 1n), bytes(1n, 2n), bytes(2n, 3n)]).toEqual(['yes', 'no', 'yes'])
  })

  test('connlabel sets what it asks for', () => {
    const set = matcher({ name: 'connlabel', bit: 41, set: true }, { context })
    const has = matcher({ name: 'connlabel', bit: 41 }, { context })
    expect([has(syn, { flow: 0 }), set(syn, { flow: 0 }), has(syn, { flow: 0 }), set(syn)]).toEqual([
      'no',
      'yes',
      'yes',
      'no',
    ])
  })
})

describe('what a match needs', () => {
  const needs = (match: Match) => xtablesNeeds({ kind: 'xtables', ...match } as XtablesMatch)
  test('is named, or who cannot have it', () => {
    expect(needs({ name: 'state', any: ['new'] })).toEqual(['ct state'])
    expect(needs({ name: 'conntrack', states: { any: ['new'] } })).toEqual(['ct state'])
    expect(needs({ name: 'conntrack', states: { any: ['snat'] } })).toEqual(['ct state', 'ct'])
    expect(needs({ name: 'length', from: 0, to: 9 })).toEqual([])
    expect(needs({ name: 'mac', address: 1n })).toEqual({ needs: "the link layer's header" })
    expect(needs({ name: 'other', match: 'bpf', options: [] })).toEqual({
      needs: 'what only the kernel knows',
    })
  })

  test('is refused where it is missing', () => {
    const make = (match: XtablesMatch) => () => createXtablesStep(match, 'ip', contextOf())
    expect(make({ kind: 'xtables', name: 'connmark', value: 1, mask: 1 })).toThrow('-m connmark')
    expect(make({ kind: 'xtables', name: 'other', match: 'bpf', options: [] })).toThrow('-m bpf')
  })
})
