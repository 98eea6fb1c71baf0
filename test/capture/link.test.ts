import { describe, expect, test } from 'vitest'
import { cookedDirection, Direction, findIP, holdsIP, LinkType } from '../../src/capture/link.js'
import { segment } from '../support/packets.js'
import { concat, ethernet, numbers } from './support/build.js'

const V4 = segment('tcp', '10.0.0.7', '10.0.0.50', 80)
const V6 = segment('tcp', 'fd00::7', 'fd00::50', 80)
const bytes = (...values: number[]) => Uint8Array.from(values)

/** Offset of the IP header in a frame, which lies in the middle of a buffer. */
function find(linkType: number, frame: Uint8Array): number {
  const around = concat(new Uint8Array(5).fill(0x45), frame, new Uint8Array(50).fill(0x45))
  const at = findIP(new DataView(around.buffer), linkType, 5, 5 + frame.length)
  return at < 0 ? at : at - 5
}

const sll = (type: number, protocol: number) =>
  numbers(false, [2, type], [2, 1], [2, 6], [8, 0], [2, protocol])
const sll2 = (type: number, protocol: number) =>
  numbers(false, [2, protocol], [2, 0], [4, 2], [2, 1], [1, type], [1, 6], [8, 0])

describe('the IP header is found in frames of', () => {
  test.each<[string, number, Uint8Array, number]>([
    ['Ethernet', 1, ethernet(V4), 14],
    ['Ethernet, IPv6', 1, ethernet(V6), 14],
    ['Ethernet, 802.1Q', 1, ethernet(V4, [0x8100]), 18],
    ['Ethernet, QinQ', 1, ethernet(V6, [0x88a8, 0x8100]), 22],
    ['Ethernet, old QinQ', 1, ethernet(V4, [0x9100, 0x8100]), 22],
    ['Ethernet, three tags', 1, ethernet(V4, [0x8100, 0x8100, 0x8100]), 26],
    ['Linux cooked', 113, concat(sll(0, 0x0800), V4), 16],
    ['Linux cooked, IPv6', 113, concat(sll(4, 0x86dd), V6), 16],
    ['Linux cooked, 802.1Q', 113, concat(sll(4, 0x8100), bytes(0, 5, 8, 0), V4), 20],
    ['Linux cooked 2', 276, concat(sll2(0, 0x0800), V4), 20],
    ['Linux cooked 2, IPv6', 276, concat(sll2(0, 0x86dd), V6), 20],
    ['raw IP', 101, V4, 0],
    ['raw IP, IPv6', 101, V6, 0],
    ['raw IP as BSD numbers it', 12, V4, 0],
    ['raw IP as OpenBSD numbers it', 14, V6, 0],
    ['IPv4', 228, V4, 0],
    ['IPv6', 229, V6, 0],
    ['BSD loopback, little endian', 0, concat(bytes(2, 0, 0, 0), V4), 4],
    ['BSD loopback, big endian', 0, concat(bytes(0, 0, 0, 2), V4), 4],
    ...[10, 23, 24, 28, 30].flatMap((family): [string, number, Uint8Array, number][] => [
      [`BSD loopback, IPv6 as ${family}`, 0, concat(bytes(family, 0, 0, 0), V6), 4],
      [`OpenBSD loopback, IPv6 as ${family}`, 108, concat(bytes(0, 0, 0, family), V6), 4],
    ]),
    ['OpenBSD loopback', 108, concat(bytes(0, 0, 0, 2), V4), 4],
    ['PPP', 9, concat(bytes(0, 0x21), V4), 2],
    ['PPP, IPv6', 9, concat(bytes(0, 0x57), V6), 2],
    ['PPP, its protocol compressed', 9, concat(bytes(0x21), V4), 1],
    ['PPP in HDLC framing', 9, concat(bytes(0xff, 3, 0, 0x21), V4), 4],
    ['PPP in HDLC framing, by its own number', 50, concat(bytes(0xff, 3, 0, 0x57), V6), 4],
    ['PPP in HDLC framing, its protocol compressed', 50, concat(bytes(0xff, 3, 0x57), V6), 3],
    ["Cisco's HDLC", 50, concat(bytes(0x0f, 0, 0x08, 0x00), V4), 4],
    ["Cisco's HDLC, multicast", 50, concat(bytes(0x8f, 0, 0x86, 0xdd), V6), 4],
  ])('%s', (_, linkType, frame, offset) => {
    expect(find(linkType, frame)).toBe(offset)
    expect(holdsIP(linkType)).toBe(true)
  })
})

describe('none is found in', () => {
  test.each<[string, number, Uint8Array]>([
    ['ARP', 1, ethernet(new Uint8Array(28), [], 0x0806)],
    ['a length in place of a type', 1, ethernet(V4, [], 100)],
    ['a packet of another version than announced', 1, ethernet(V6, [], 0x0800)],
    ['a packet of another version than announced, the other way', 1, ethernet(V4, [], 0x86dd)],
    ['an IPv6 packet of link type IPv4', 228, V6],
    ['an IPv4 packet of link type IPv6', 229, V4],
    ['a raw packet of no version', 101, bytes(0x00, 1, 2, 3)],
    ['a loopback frame of another family', 0, concat(bytes(7, 0, 0, 0), V4)],
    ['PPP LCP', 9, concat(bytes(0xff, 3, 0xc0, 0x21), V4)],
    ['a frame of an unknown link type', 105, ethernet(V4)],
    ['nothing but tags', 1, ethernet(bytes(0, 1, 0x81, 0, 0, 1, 0x81, 0), [], 0x8100)],
  ])('%s', (_, linkType, frame) => expect(find(linkType, frame)).toBe(-1))

  test('a frame that was cut before it, whatever its link type and wherever the cut', () => {
    const frames: [number, Uint8Array][] = [
      [1, ethernet(V4, [0x88a8, 0x8100])],
      [113, concat(sll(0, 0x0800), V4)],
      [276, concat(sll2(0, 0x0800), V4)],
      [0, concat(bytes(2, 0, 0, 0), V4)],
      [9, concat(bytes(0xff, 3, 0, 0x21), V4)],
      [101, V4],
    ]
    for (const [linkType, frame] of frames) {
      const offset = find(linkType, frame)
      for (let length = 0; length <= offset; length++) expect(find(linkType, frame.slice(0, length))).toBe(-1)
      expect(find(linkType, frame.slice(0, Math.max(4, offset + 1)))).toBe(offset)
    }
  })
})

test('cooked frames tell their way', () => {
  const way = (linkType: number, frame: Uint8Array) =>
    cookedDirection(new DataView(frame.buffer), linkType, 0, frame.length)
  const { unknown, inbound, outbound } = Direction
  for (const [linkType, header] of [
    [LinkType.linuxSll, sll],
    [LinkType.linuxSll2, sll2],
  ] as const) {
    const ways = [0, 1, 2, 3, 4, 5].map((type) => way(linkType, header(type, 0x0800)))
    expect(ways).toEqual([inbound, inbound, inbound, unknown, outbound, unknown])
    expect(way(linkType, header(0, 0x0800).slice(0, 12))).toBe(unknown)
  }
  expect(way(LinkType.ethernet, ethernet(V4))).toBe(unknown)
})
