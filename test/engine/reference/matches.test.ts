import { describe, expect, test } from 'vitest'
import { CtState } from '../../../src/packet/packet.js'
import { buildPacket, segment } from '../../support/packets.js'
import { accepts, rules } from '../../support/reference.js'

const tcp = segment('tcp', '10.0.0.7', '10.0.0.1', 443, 40000)
const tcp6 = segment('tcp', 'fd00::7', 'fd00::1', 443, 40000)
const udp = segment('udp', '10.0.0.7', '10.0.0.1', 53)

/** A TCP header with these flags, and nothing else in it. */
function flagged(flags: number): Uint8Array {
  const bytes = tcp.slice()
  bytes[33] = flags
  return bytes
}

const SYN = 0x02
const SYN_ACK = 0x12
const ACK = 0x10
const RST = 0x04

describe('flags, in all their forms', () => {
  test.each([
    ['tcp flags syn', [SYN, SYN_ACK], [ACK]],
    ['tcp flags syn,ack', [SYN, ACK, SYN_ACK], [RST]],
    ['tcp flags == syn', [SYN], [SYN_ACK, ACK]],
    ['tcp flags { syn }', [SYN], [SYN_ACK]],
    ['tcp flags { syn, ack }', [SYN, ACK], [SYN_ACK]],
    ['tcp flags != { syn, ack }', [SYN_ACK, RST], [SYN, ACK]],
    ['tcp flags != syn', [SYN_ACK, ACK], [SYN]],
    ['tcp flags != syn,ack', [SYN, ACK, RST], [SYN_ACK]],
    ['tcp flags ! syn', [ACK, RST], [SYN, SYN_ACK]],
    ['tcp flags syn / syn,ack', [SYN, SYN | 8], [SYN_ACK, ACK]],
    ['tcp flags & (syn | ack) == syn', [SYN], [SYN_ACK]],
    ['tcp flags & syn != 0', [SYN, SYN_ACK], [ACK]],
  ])('%s', (match, yes, no) => {
    for (const flags of yes) expect(accepts(match, flagged(flags))).toBe(true)
    for (const flags of no) expect(accepts(match, flagged(flags))).toBe(false)
  })

  test('states are flags too', () => {
    expect(accepts('ct state new,established', tcp, { ctState: CtState.new })).toBe(true)
    expect(accepts('ct state != new,established', tcp, { ctState: CtState.new })).toBe(true)
    expect(accepts('ct state != { new, established }', tcp, { ctState: CtState.new })).toBe(false)
  })
})

describe('values, ranges, prefixes, masks', () => {
  test.each([
    ['tcp dport 443', true],
    ['tcp dport != 443', false],
    ['tcp dport >= 444', false],
    ['tcp dport <= 443', true],
    ['tcp dport 400-500', true],
    ['tcp dport != 400-500', false],
    ['tcp dport { 22, 440-450 }', true],
    ['tcp dport & 0xff == 187', true],
    ['tcp dport ^ 1 == 442', true],
    ['ip saddr 10.0.0.0/8', true],
    ['ip saddr != 10.0.0.0/8', false],
    ['ip saddr & 255.255.0.0 == 10.0.0.0', true],
    ['ip saddr . tcp dport { 10.0.0.0/24 . 400-500 }', true],
    ['ip saddr . tcp dport { 10.0.1.0/24 . 400-500, 10.0.0.7 . 80 }', false],
    ['ip version 4 ip hdrlength 5', true],
    ['@nh,64,8 64', true],
    ['@th,16,16 443', true],
    ['@th,20,4 1', true],
  ])('%s', (match, expected) => {
    expect(accepts(match, tcp)).toBe(expected)
  })

  test('marks are compared as numbers, whatever the order of their bytes', () => {
    expect(accepts('meta mark 0x100-0x12c', tcp, { mark: 0x100 })).toBe(true)
    expect(accepts('meta mark 0x100-0x12c', tcp, { mark: 0x12d })).toBe(false)
    expect(accepts('meta mark . tcp dport { 0x1-0x5 . 443 }', tcp, { mark: 5 })).toBe(true)
    expect(accepts('meta mark & 0xffff0000 == 0x80010000', tcp, { mark: 0x80010002 })).toBe(true)
  })

  test('interfaces by their names, patterns and indexes', () => {
    expect(accepts('iifname "eth*"', tcp, { iif: 3 })).toBe(true)
    expect(accepts('iifname "eth1*"', tcp, { iif: 2 })).toBe(false)
    expect(accepts('iifname { "lo", "eth0" }', tcp, { iif: 2 })).toBe(true)
    expect(accepts('iifname . tcp dport { "eth*" . 443 }', tcp, { iif: 3 })).toBe(true)
    expect(accepts('iif "eth0"', tcp, { iif: 2 })).toBe(true)
    expect(accepts('iif "eth0"', tcp, { iif: 3 })).toBe(false)
    expect(accepts('oifname != "eth0"', tcp)).toBe(true)
    expect(accepts('oifname "eth0"', tcp)).toBe(false)
  })
})

describe('what a packet lacks matches nothing', () => {
  test.each([
    ['tcp dport != 22', udp],
    ['ip saddr != 10.0.0.1', tcp6],
    ['tcp dport != { 22 }', udp],
    ['icmp type != echo-request', tcp],
    ['tcp flags != syn', tcp.slice(0, 30)],
    ['frag id != 5', tcp6],
    ['tcp option maxseg size != 5', tcp],
    ['meta skuid != 0', tcp],
  ])('%s', (match, bytes) => {
    expect(accepts(match, bytes)).toBe(false)
  })

  test('what is there of a short header can be looked at', () => {
    const short = buildPacket({
      source: '10.0.0.7',
      destination: '10.0.0.1',
      protocol: 6,
      payload: Uint8Array.of(0, 1, 1, 187),
    })
    expect(accepts('tcp dport 443', short)).toBe(true)
    expect(accepts('tcp sequence != 5', short)).toBe(false)
  })
})

describe('ICMP', () => {
  const icmp = (family: 4 | 6, protocol: number, ...bytes: number[]) =>
    buildPacket({
      source: family === 4 ? '10.0.0.7' : 'fd00::7',
      destination: family === 4 ? '10.0.0.1' : 'fd00::1',
      protocol,
      payload: Uint8Array.from([...bytes, 0, 0, 0, 0, 0, 0]),
    })

  test('fields of some types ask for those types', () => {
    const echo = icmp(4, 1, 8, 0, 0, 0, 0, 5)
    const redirect = icmp(4, 1, 5, 0, 0, 0, 0, 5)
    expect(accepts('icmp id 5', echo)).toBe(true)
    expect(accepts('icmp id 5', redirect)).toBe(false)
    expect(accepts('icmp gateway 327680', redirect)).toBe(true)
    expect(accepts('icmp gateway 327680', echo)).toBe(false)
  })

  test('its own family is asked for only where the rule has said nothing of it', () => {
    const foreign = icmp(4, 58, 1, 0)
    expect(accepts('icmpv6 type 1', foreign)).toBe(false)
    expect(accepts('icmpv6 type 1', foreign, {}, 'ip')).toBe(true)
    expect(accepts('ip saddr 10.0.0.7 icmpv6 type 1', foreign)).toBe(true)
    expect(accepts('meta l4proto ipv6-icmp counter icmpv6 type 1', foreign)).toBe(true)
    expect(accepts('jhash ip saddr mod 1 seed 1 0 icmpv6 type 1', foreign)).toBe(true)
  })
})

describe('later fragments', () => {
  const later = (source: string, destination: string) =>
    buildPacket({
      source,
      destination,
      protocol: 6,
      payload: Uint8Array.from([0, 22, 0, 22, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
      fragmentOffset: 24,
    })
  const fragment = later('10.0.0.7', '10.0.0.1')

  test.each([
    ['tcp dport 22', true],
    ['tcp dport != 23', true],
    ['tcp sequence 1', true],
    ['th sport . th dport { 22 . 22 }', true],
    ['@th,0,64 0x0016001600000001', false],
    ['@th,8,32 != 0', false],
    ['tcp option maxseg size != 0', false],
    ['tcp option maxseg missing', true],
    ['meta l4proto tcp', true],
    ['@ih,0,8 != 77', false],
    // Neighbours are loaded at once: four bytes from the second on are not aligned, the first four are.
    ['tcp sport 22 tcp dport 22', true],
    ['th dport 22 tcp sequence 1', true],
  ])('%s', (match, expected) => {
    expect(accepts(match, fragment)).toBe(expected)
  })

  test('what stands side by side is loaded at once', () => {
    const fragment = buildPacket({
      source: '10.0.0.7',
      destination: '10.0.0.1',
      protocol: 17,
      payload: Uint8Array.of(0, 1, 0, 2, 0, 3, 0, 4),
      fragmentOffset: 24,
    })
    expect(accepts('udp dport 2', fragment)).toBe(true)
    expect(accepts('udp length 3', fragment)).toBe(true)
    expect(accepts('udp sport 1 udp dport 2', fragment)).toBe(true)
    expect(accepts('udp dport 2 udp length 3', fragment)).toBe(false)
    expect(accepts('udp length 3 udp dport 2', fragment)).toBe(false)
    expect(accepts('udp dport 2 counter udp length 3', fragment)).toBe(true)
    expect(accepts('udp dport 2 udp length != 4', fragment)).toBe(true)
  })

  test('in IPv6 the flow label stands where the ports are looked for', () => {
    const fragment = later('fd00::7', 'fd00::1')
    fragment[2] = 1
    fragment[3] = 187
    expect(accepts('tcp dport 443', fragment)).toBe(true)
    expect(accepts('exthdr frag exists frag frag-off 3', fragment)).toBe(true)
  })
})

test('what transport headers carry', () => {
  const inside = (protocol: number, ...payload: number[]) =>
    buildPacket({
      source: '10.0.0.7',
      destination: '10.0.0.1',
      protocol,
      payload: Uint8Array.from(payload),
    })
  const gre = (...flags: number[]) => inside(47, ...flags, 8, 0, 0, 0, 0, 0, 0, 0, 0, 77)
  expect(accepts('@ih,0,8 77', inside(17, 0, 1, 0, 2, 0, 9, 0, 0, 77))).toBe(true)
  expect(accepts('@ih,0,8 77', gre(0xa0, 0))).toBe(false)
  expect(accepts('@ih,24,8 77', gre(0x20, 0))).toBe(true)
  expect(accepts('@ih,0,8 77', gre(0x40, 0))).toBe(false)
  expect(accepts('@ih,0,8 0x45', inside(4, 0x45))).toBe(true)
  expect(accepts('@ih,0,8 0x45', inside(50, 0x45))).toBe(false)
})

describe('maps', () => {
  test('a key that leads nowhere ends the rule', () => {
    const { ask } = rules('meta mark set tcp dport map { 443 : 0x7 } accept\nmeta mark set 9 accept')
    expect(ask(tcp).packet.mark).toBe(7)
    expect(ask(segment('tcp', '10.0.0.7', '10.0.0.1', 80)).packet.mark).toBe(9)
  })

  test('to verdicts: a hit that says continue goes on in the rule, a miss does not', () => {
    const { ask } = rules('tcp dport vmap { 443 : continue, 22 : drop } meta mark set 1 accept')
    expect(ask(tcp)).toMatchObject({ verdict: 'accept', packet: { mark: 1 } })
    expect(ask(segment('tcp', '10.0.0.7', '10.0.0.1', 80)).rule).toBeUndefined()
  })
})

test('marks are computed in 32 bits', () => {
  const mark = (value: string) =>
    rules(`meta mark set ${value} accept`).ask(tcp, { mark: 0x81 }).packet.mark >>> 0
  expect(mark('meta mark << 25')).toBe(0x02000000)
  expect(mark('meta mark >> 7')).toBe(1)
  expect(mark('meta mark & 0x0f | 0x100')).toBe(0x101)
  expect(mark('meta mark ^ 0xffffffff')).toBe(0xffffff7e)
})
