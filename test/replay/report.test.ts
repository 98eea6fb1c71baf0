import { describe, expect, test } from 'vitest'
import { timeText } from '../../src/replay/report.js'

describe('a time of a capture', () => {
  test.each<[string, bigint, number, string]>([
    ['to the microsecond', 1_700_000_000_123_456_789n, 0, '2023-11-14T22:13:20.123456Z'],
    ['counted from the first packet', 1_700_000_000_000_000_000n, 1.5e9, '2023-11-14T22:13:21.500000Z'],
    ['before that', 1_700_000_000_000_000_000n, -500_000, '2023-11-14T22:13:19.999500Z'],
    ['before 1970', -1_500_000_000n, 0, '1969-12-31T23:59:58.500000Z'],
    ['that no calendar has', 2n ** 63n * 1_000_000_000n, 0, '9223372036854775808.000000'],
  ])('%s', (_, origin, nanoseconds, text) => expect(timeText(origin, nanoseconds)).toBe(text))
})
