import { expect, test } from 'vitest'
import { Traced } from '../../../src/bans/config/traced.js'
import { findForgery } from '../../../src/bans/filter/forgery.js'
import { expandTags } from '../../../src/bans/filter/tags.js'
import { Regex } from '../../../src/bans/regex/regex.js'

test.each([
  ['^.*Invalid API key from <HOST>.*$', 'Invalid API key from 192.0.2.1 Invalid API key from 203.0.113.9 '],
  ['Invalid API key from <HOST>', undefined],
  ['^Invalid API key from <HOST>.*$', undefined],
  ['^.* from <HOST>$', undefined],
  ['^.*from <HOST>: .*$', 'from 192.0.2.1:  from 203.0.113.9:  '],
  ['^Failed for <F-USER>.*?</F-USER> from <HOST>', 'Failed for   from 203.0.113.9  from 192.0.2.1'],
  ['^Failed for <F-USER>.*?</F-USER> from <HOST> port \\d+$', undefined],
  ['^Failed for <F-USER>\\S+</F-USER> from <HOST>', undefined],
  ['^<F-ID/>$', undefined],
])('%s', (text, line) => {
  const regex = new Regex(expandTags(Traced.at(text, { file: 'f', line: 1, column: 1 }), false).text)
  expect(findForgery(regex)).toBe(line)
})
