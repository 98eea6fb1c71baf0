import { describe, expect, test } from 'vitest'
import { LanguageError } from '../../src/language/diagnostic.js'
import { readPolicy } from '../../src/language/policy/load.js'
import { readSpan, ValueError } from '../../src/language/policy/values.js'
import { formatPrefix } from '../../src/packet/address.js'

const REST = 'inbound: any\noutbound: any\n'

const bansOf = (text: string) => readPolicy(text, 'p.yaml').bans

function errorOf(text: string): string {
  try {
    readPolicy(text, 'p.yaml')
  } catch (error) {
    if (error instanceof LanguageError) return error.message
    throw error
  }
  throw new Error('the policy was accepted')
}

describe('bans', () => {
  test('without a word there are none', () => {
    expect(bansOf(REST)).toEqual({
      folders: [],
      jails: [],
      protected: [],
      store: undefined,
      reset: false,
      limits: [],
    })
  })

  test('jails of folders and of the policy itself', () => {
    const text = `bans:
  jails:
    - /etc/fail2ban
    - jail: ollama
      log: /var/log/ollama.log
      failregex:
        - '^bad key from <HOST>$'
        - "no key from <HOST>"
      findtime: 1h 30m
      bantime: -1
      maxretry: 3
      ports: [tcp/11434, tcp/8000-8010]
      ignoreip: 10.0.0.5-10.0.0.8
  store: redis://db
  reset: true
${REST}`
    const { jails, ...rest } = bansOf(text)
    expect(rest).toMatchObject({
      folders: ['/etc/fail2ban'],
      store: { text: 'redis://db', position: { line: 14 } },
      reset: true,
    })
    expect(jails).toMatchObject([
      {
        name: 'ollama',
        position: { file: 'p.yaml', line: 4, column: 13 },
        logs: [{ text: '/var/log/ollama.log' }],
        failregex: [
          { text: '^bad key from <HOST>$', position: { line: 7, column: 11 } },
          { text: 'no key from <HOST>', position: { line: 8 } },
        ],
        maxRetry: 3,
        findTime: 5_400_000,
        banTime: Number.POSITIVE_INFINITY,
        closed: {
          ports: [
            [11434, 11434],
            [8000, 8010],
          ],
          protocols: ['tcp'],
        },
        ipv6: 64,
        dryRun: false,
      },
    ])
    expect(jails[0]!.ignored.map(formatPrefix)).toEqual(['10.0.0.5', '10.0.0.6/31', '10.0.0.8'])
  })

  test('a folder alone; ignoreip and the define admins are never banned', () => {
    const text = `define:\n  admins: [10.0.0.5, fd00::/64]\n  office: 10.1.0.0/16\nbans:\n  jails: /etc/fail2ban\n  ignoreip: [office, 192.0.2.1]\n${REST}`
    const { folders, protected: never } = bansOf(text)
    expect(folders).toEqual(['/etc/fail2ban'])
    expect(never.map(formatPrefix)).toEqual(['10.1.0.0/16', '192.0.2.1', '10.0.0.5', 'fd00::/64'])
  })

  test('limits that ban', () => {
    const text =
      'inbound:\n  - allow: api\n    limit: { rate: 5 per 10 seconds per source then ban 10m, ipv6: 56 }\noutbound: any\n'
    const { ruleset, bans } = readPolicy(text, 'p.yaml')
    expect(bans.limits).toEqual([{ window: 'api', span: 600_000, ipv4: 32, ipv6: 56 }])
    expect(ruleset.tables[0]!.windows).toMatchObject([{ name: 'api', rate: 5, per: 10_000 }])
  })

  test('what is wrong is told with its place', () => {
    const jail = (more: string) => `bans:\n  jails:\n    - jail: a\n      log: /a\n${more}${REST}`
    expect(errorOf(jail(''))).toContain('p.yaml:3:7: error: ')
    expect(errorOf(jail("      failregex: '<HOST>'\n      bantime: soon\n"))).toContain(
      'p.yaml:6:16: error: soon is no time',
    )
    expect(errorOf(jail("      failregex: '<HOST>'\n      maxretri: 3\n"))).toMatch(
      /p\.yaml:6:7: error: maxretri is not known here[\s\S]*did you mean maxretry\?/,
    )
    expect(errorOf(`bans: { jail: x }\n${REST}`)).toContain('did you mean jails?')
    expect(errorOf(jail("      failregex: '<HOST>'\n      ports: 80\n"))).toContain(
      'p.yaml:6:14: error: expected a port',
    )
    expect(
      errorOf(`inbound:\n  - allow: a\n    limit: 5 per minute per source then ban\n${REST.slice(13)}`),
    ).toContain('is no limit')
  })
})

test.each([
  ['600', 600_000],
  [600, 600_000],
  ['10m', 600_000],
  ['1d 12h', 129_600_000],
  ['1h30m', 5_400_000],
  [-1, Number.POSITIVE_INFINITY],
])('a time: %s', (text, milliseconds) => {
  expect(readSpan(text)).toBe(milliseconds)
})

test.each(['', 'soon', '10 minutes', '0', '-2', '1e9', '10m,', '99999999999999'])('no time: %s', (text) => {
  expect(() => readSpan(text)).toThrow(ValueError)
})
