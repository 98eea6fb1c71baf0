import { isIPv6 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatAddress, formatPrefix, lastOf, parseAddress, parsePrefix } from '../../src/packet/address.js'

describe('addresses', () => {
  test.each([
    ['10.0.0.7', 32, 0x0a000007n],
    ['255.255.255.255', 32, 0xffffffffn],
    ['::', 128, 0n],
    ['::1', 128, 1n],
    ['fd00:10::', 128, 0xfd000010n << 96n],
    ['1:2:3:4:5:6:7:8', 128, 0x00010002000300040005000600070008n],
    ['::ffff:192.0.2.1', 128, 0xffffc0000201n],
    ['64:ff9b::10.0.0.7', 128, (0x64ff9bn << 96n) | 0x0a000007n],
  ])('%s is read', (text, bits, value) => {
    expect(parseAddress(text)).toEqual({ bits, value })
  })

  test.each([
    '',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '10.0.0.1 ',
    ':::',
    'fe80::1%eth0',
    '1:2:3:4:5:6:7:8:9',
    'cafe',
  ])('%j is refused', (text) => {
    expect(parseAddress(text)).toBeUndefined()
  })

  test.each([
    [0n, '::'],
    [1n, '::1'],
    [0x00010000000000000000000000000000n, '1::'],
    [0x20010db8000000000001000000000001n, '2001:db8::1:0:0:1'],
    [0x20010db8000000010001000100010001n, '2001:db8:0:1:1:1:1:1'],
  ])('%s is written by RFC 5952', (value, text) => {
    expect(formatAddress({ bits: 128, value })).toBe(text)
  })

  test('what is written is read again', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (value) => {
        const text = formatAddress({ bits: 128, value })
        expect(isIPv6(text)).toBe(true)
        expect(parseAddress(text)).toEqual({ bits: 128, value })
      }),
    )
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }), (value) => {
        expect(parseAddress(formatAddress({ bits: 32, value }))).toEqual({ bits: 32, value })
      }),
    )
  })
})

describe('prefixes', () => {
  test.each([
    ['10.0.0.0/16', 0x0a000000n, 0x0a00ffffn, '10.0.0.0/16'],
    ['10.0.3.4/16', 0x0a000000n, 0x0a00ffffn, '10.0.0.0/16'],
    ['10.0.3.4', 0x0a000304n, 0x0a000304n, '10.0.3.4'],
    ['0.0.0.0/0', 0n, 0xffffffffn, '0.0.0.0/0'],
    ['fd00::/64', 0xfdn << 120n, (0xfdn << 120n) | 0xffffffffffffffffn, 'fd00::/64'],
  ])('%s runs from its base to its last address', (text, base, last, written) => {
    const prefix = parsePrefix(text)!
    expect(prefix.value).toBe(base)
    expect(lastOf(prefix)).toBe(last)
    expect(formatPrefix(prefix)).toBe(written)
  })

  test.each(['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/1/2', 'x/8', '10.0.0.0/08x'])(
    '%j is refused',
    (text) => {
      expect(parsePrefix(text)).toBeUndefined()
    },
  )
})
