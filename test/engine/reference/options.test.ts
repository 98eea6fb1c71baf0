import { describe, expect, test } from 'vitest'
import { buildPacket } from '../../support/packets.js'
import { accepts } from '../../support/reference.js'

function tcp(options: readonly number[], doff = 5 + options.length / 4): Uint8Array {
  const header = Array<number>(20).fill(0)
  header[12] = doff << 4
  return buildPacket({
    source: '10.0.0.7',
    destination: '10.0.0.1',
    protocol: 6,
    payload: Uint8Array.from([...header, ...options]),
  })
}

describe('TCP options', () => {
  const mss = tcp([1, 1, 2, 4, 5, 0xb4, 0, 0])
  test.each([
    ['tcp option maxseg size 1460', mss, true],
    ['tcp option maxseg exists', mss, true],
    ['tcp option nop exists', mss, true],
    ['tcp option timestamp missing', mss, true],
    ['tcp option window count != 3', mss, false],
    ['tcp option @2,16,16 1460', mss, true],
    // The end of the options is no end to the kernel.
    ['tcp option maxseg size 1460', tcp([0, 1, 2, 4, 5, 0xb4, 0, 0]), true],
    // An option that reaches behind the header.
    ['tcp option maxseg exists', tcp([1, 1, 2, 20]), false],
    // One without a length is stepped over, and is too short for its field.
    ['tcp option maxseg exists', tcp([2, 0, 5, 0xb4]), true],
    ['tcp option maxseg size != 0', tcp([2, 0, 5, 0xb4]), false],
    ['tcp option maxseg missing', tcp([2, 4, 5, 0xb4], 4), true],
    ['tcp option sack1 left 7', tcp([1, 1, 5, 18, ...[1, 2, 7, 8].flatMap((n) => [0, 0, 0, n])]), true],
    ['tcp option mptcp subtype 1', tcp([30, 4, 0x10, 0]), true],
  ])('%s', (match, bytes, expected) => {
    expect(accepts(match, bytes)).toBe(expected)
  })

  test('are missing in what is not TCP', () => {
    const udp = buildPacket({
      source: '10.0.0.7',
      destination: '10.0.0.1',
      protocol: 17,
      payload: new Uint8Array(8),
    })
    expect(accepts('tcp option maxseg missing', udp)).toBe(true)
    expect(accepts('tcp option maxseg exists', udp)).toBe(false)
  })
})

describe('IPv4 options', () => {
  function ipv4(options: readonly number[]): Uint8Array {
    const bytes = buildPacket({
      source: '10.0.0.7',
      destination: '10.0.0.1',
      protocol: 17,
      payload: new Uint8Array(8),
      options: options.length,
    })
    bytes.set(options, 20)
    return bytes
  }
  const recorded = [7, 7, 4, 1, 2, 3, 4, 0]
  test.each([
    ['ip option rr exists', ipv4(recorded), true],
    ['ip option rr ptr 4', ipv4(recorded), true],
    ['ip option rr length 7', ipv4([1, ...recorded.slice(0, 7)]), true],
    ['ip option lsrr exists', ipv4(recorded), false],
    ['ip option ra exists', ipv4([148, 4, 0, 0]), true],
    ['ip option ra exists', ipv4([148, 4, 0, 5]), false],
    // Options behind the end are not looked at.
    ['ip option rr exists', ipv4([0, ...recorded.slice(0, 7)]), false],
    // Nothing is found in options of which one is not sound.
    ['ip option rr exists', ipv4([...recorded.slice(0, 7), 1, 131, 3, 4, 0]), false],
    ['ip option rr exists', ipv4([7, 40, 4, 0]), false],
    ['ip option lsrr addr 10.0.0.9', ipv4([131, 7, 4, 10, 0, 0, 9, 0]), true],
  ])('%s', (match, bytes, expected) => {
    expect(accepts(match, bytes)).toBe(expected)
  })

  test('are none of IPv6', () => {
    const bytes = buildPacket({
      source: 'fd00::7',
      destination: 'fd00::1',
      protocol: 6,
      payload: new Uint8Array(20),
    })
    expect(accepts('ip option rr missing', bytes)).toBe(false)
  })
})

describe('extension headers', () => {
  const ipv6 = (extensions: readonly number[], fragmentOffset?: number) =>
    buildPacket({
      source: 'fd00::7',
      destination: 'fd00::1',
      protocol: 17,
      payload: Uint8Array.from([0, 9, 0, 53, 0, 8, 0, 0]),
      extensions,
      ...(fragmentOffset === undefined ? {} : { fragmentOffset, moreFragments: true }),
    })
  test.each([
    ['exthdr hbh exists', ipv6([0, 60]), true],
    ['exthdr dst exists', ipv6([0, 60]), true],
    ['exthdr rt missing', ipv6([0, 60]), true],
    ['hbh nexthdr 60', ipv6([0, 60]), true],
    ['ip6 nexthdr 0', ipv6([0, 60]), true],
    ['ip6 nexthdr udp', ipv6([0, 60]), false],
    ['meta l4proto udp', ipv6([0, 60]), true],
    ['udp dport 53', ipv6([0, 43]), true],
    ['rt type 0', ipv6([43]), true],
    ['frag more-fragments 1', ipv6([], 0), true],
    // Behind a later fragment's header there is nothing to find.
    ['exthdr dst exists', ipv6([60], 80), true],
    ['exthdr mh exists', ipv6([], 80), false],
    // The walk to the transport header ends at authentication, that to an option does not.
    ['meta l4proto ah', ipv6([51, 60]), true],
    ['exthdr dst exists', ipv6([51]), false],
  ])('%s', (match, bytes, expected) => {
    expect(accepts(match, bytes)).toBe(expected)
  })

  test('IPv4 has none, and is not asked whether one is missing', () => {
    const bytes = buildPacket({
      source: '10.0.0.7',
      destination: '10.0.0.1',
      protocol: 6,
      payload: new Uint8Array(20),
    })
    expect(accepts('exthdr frag missing', bytes)).toBe(false)
  })

  test('segments are counted from 1', () => {
    const bytes = buildPacket({
      source: 'fd00::7',
      destination: 'fd00::1',
      protocol: 43,
      payload: Uint8Array.from([
        59,
        4,
        4,
        0,
        1,
        5,
        0,
        7,
        ...Array<number>(15).fill(0),
        1,
        ...Array<number>(15).fill(0),
        2,
      ]),
    })
    expect(accepts('srh sid[1] ::1', bytes)).toBe(true)
    expect(accepts('srh sid[2] ::2', bytes)).toBe(true)
    expect(accepts('srh tag 7', bytes)).toBe(true)
  })
})

describe('chunks and options of SCTP and DCCP', () => {
  const sctp = (...chunks: number[]) =>
    buildPacket({
      source: '10.0.0.7',
      destination: '10.0.0.1',
      protocol: 132,
      payload: Uint8Array.from([...Array<number>(12).fill(0), ...chunks]),
    })
  const two = sctp(3, 0, 0, 5, 9, 0, 0, 0, 0, 2, 0, 8, 0, 0, 0, 7)
  test.each([
    ['sctp chunk data exists', two, true],
    ['sctp chunk data tsn 7', two, true],
    ['sctp chunk data flags 2', two, true],
    ['sctp chunk init missing', two, true],
    ['sctp chunk data ssn != 9', two, false],
    ['sctp chunk data flags 2', sctp(0, 2, 0, 80, 0, 0, 0, 7), false],
    ['sctp chunk data exists', sctp(3, 0, 0, 0, 0, 2, 0, 4), false],
  ])('%s', (match, bytes, expected) => {
    expect(accepts(match, bytes)).toBe(expected)
  })

  test('chunks are found in later fragments, where options are not', () => {
    const fragment = two.slice()
    fragment[7] = 5
    expect(accepts('sctp chunk data tsn 7', fragment)).toBe(true)
  })

  test('DCCP', () => {
    const dccp = (type: number, ...options: number[]) => {
      const header = [0, 1, 0, 2, 4 + options.length / 4, 0, 0, 0, type << 1, 0, 0, 0]
      const bytes = Uint8Array.from([...header, 0, 0, 0, 0, ...options])
      return buildPacket({ source: '10.0.0.7', destination: '10.0.0.1', protocol: 33, payload: bytes })
    }
    expect(accepts('dccp option 38 exists', dccp(0, 1, 38, 3, 0))).toBe(true)
    expect(accepts('dccp option 38 missing', dccp(0, 40, 3, 38, 0))).toBe(true)
    expect(accepts('dccp option 38 exists', dccp(1, 38, 3, 0, 0))).toBe(false)
    expect(accepts('dccp type request', dccp(0))).toBe(true)
  })
})
