import { describe, expect, test } from 'vitest'
import { CtState } from '../../src/packet/packet.js'
import { divertRules, parseSaved, removalRules } from '../../src/queue/divert/rules.js'
import { MARK_MASK, STATES, stateOf } from '../../src/queue/marks.js'

describe('marks', () => {
  test('carry the state, whatever the other bits are', () => {
    for (const { mark, state } of STATES) {
      expect(stateOf(mark)).toBe(state)
      expect(stateOf((mark | ~MARK_MASK) >>> 0)).toBe(state)
      expect(mark & ~MARK_MASK).toBe(0)
    }
    expect(STATES.map(({ state }) => state)).toEqual([CtState.new, CtState.related, CtState.untracked])
  })

  test('without one, or with one that is none of ours, there is no state', () => {
    expect(stateOf(0)).toBe(0)
    expect(stateOf(0xf0ffffff)).toBe(0)
    expect(stateOf(0x0f000000)).toBe(0)
  })
})

const OPTIONS = { queue: 7, resets: false }

describe('divert rules', () => {
  test('IPv4', () => {
    expect(divertRules('ipv4', OPTIONS, new Set())).toMatchSnapshot()
  })

  test('IPv6 lets neighbour discovery pass', () => {
    expect(divertRules('ipv6', OPTIONS, new Set())).toMatchSnapshot()
  })

  test('resets that answer bans pass, though they belong to no connection', () => {
    const added = divertRules('ipv4', { ...OPTIONS, resets: true }, new Set())
      .split('\n')
      .filter((line) => !divertRules('ipv4', OPTIONS, new Set()).includes(line))
    expect(added).toEqual([
      '-A PORTCULLIS-OUT -p tcp --tcp-flags SYN,RST RST -m conntrack --ctstate INVALID -j RETURN',
    ])
  })

  test('a jump that is there is not added again', () => {
    expect(divertRules('ipv4', OPTIONS, new Set(['INPUT', 'OUTPUT']))).not.toContain('-I ')
  })
})

describe('what iptables-save says', () => {
  const saved = [
    '*mangle',
    ':INPUT ACCEPT [12:3456]',
    ':PORTCULLIS-IN - [0:0]',
    ':PORTCULLIS-OUT - [0:0]',
    '[9:540] -A INPUT -j PORTCULLIS-IN',
    '[3:180] -A INPUT -s 10.0.0.1/32 -j ACCEPT',
    '[4:240] -A PORTCULLIS-IN -m conntrack --ctstate INVALID -m comment --comment "portcullis: invalid" -j DROP',
    '[2:120] -A PORTCULLIS-OUT -m conntrack --ctstate INVALID -m comment --comment "portcullis: invalid" -j DROP',
    'COMMIT',
  ].join('\n')

  test('is understood', () => {
    expect(parseSaved(saved)).toEqual({
      hooked: new Set(['INPUT']),
      chains: ['PORTCULLIS-IN', 'PORTCULLIS-OUT'],
      invalid: 6,
    })
    expect(parseSaved('*mangle\nCOMMIT\n')).toEqual({ hooked: new Set(), chains: [], invalid: 0 })
  })

  test('is what removal goes by', () => {
    expect(removalRules(parseSaved(saved).hooked)).toBe(
      '*mangle\n-D INPUT -j PORTCULLIS-IN\n:PORTCULLIS-IN - [0:0]\n:PORTCULLIS-OUT - [0:0]\n' +
        '-X PORTCULLIS-IN\n-X PORTCULLIS-OUT\nCOMMIT\n',
    )
  })
})
