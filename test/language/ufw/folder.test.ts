import { describe, expect, test } from 'vitest'
import { LanguageError } from '../../../src/language/diagnostic.js'
import { printIptables } from '../../../src/language/iptables/print/print.js'
import { loadUfw } from '../../../src/language/ufw/folder.js'

const restore = (...lines: string[]) => ['*filter', ...lines, 'COMMIT', ''].join('\n')

/** A small folder: one rule of its own in each file. */
const FOLDER: Readonly<Record<string, string>> = {
  '../default/ufw': `IPV6=yes
DEFAULT_INPUT_POLICY="DROP"
DEFAULT_OUTPUT_POLICY="ACCEPT"
DEFAULT_FORWARD_POLICY='REJECT'
`,
  'ufw.conf': 'ENABLED=no\nLOGLEVEL=low\n',
  'before.rules': restore(':ufw-before-input - [0:0]', '-A ufw-before-input -i lo -j ACCEPT'),
  'after.rules': restore('-A ufw-after-input -p udp --dport 137 -j ufw-skip-to-policy-input'),
  'user.rules': restore(
    ':ufw-user-input - [0:0]',
    '-A ufw-user-input -p tcp --dport 22 -j ACCEPT',
    '-A ufw-user-limit -j REJECT',
  ),
  'before6.rules': restore('-A ufw6-before-input -i lo -j ACCEPT'),
  'after6.rules': restore(),
  'user6.rules': restore('-A ufw6-user-input -s fd00::/8 -j ACCEPT'),
}

function load(changes: Readonly<Record<string, string | undefined>> = {}, programs: readonly string[] = []) {
  const files = { ...FOLDER, ...changes }
  return loadUfw({
    read: (path) => files[path],
    isProgram: (path) => programs.includes(path),
    name: (path) => `/etc/ufw/${path}`,
  })
}

function errorOf(changes: Readonly<Record<string, string | undefined>>): string {
  try {
    load(changes)
  } catch (error) {
    if (error instanceof LanguageError) return error.message.split('\n')[0]!
    throw error
  }
  return 'no error'
}

describe('a folder of ufw', () => {
  test('is what ufw enable would load', () => {
    expect(printIptables(load().ruleset)).toMatchSnapshot()
  })

  test('rules keep the places of their files', () => {
    const chain = load().ruleset.tables[0]!.chains.find(({ name }) => name === 'ufw-user-input')!
    expect(chain.rules[0]!.position).toEqual({ file: '/etc/ufw/user.rules', line: 3, column: 1 })
  })

  test.each([
    ['off', ['-A ufw-user-logging-input -j RETURN']],
    [
      'low',
      [
        '-A ufw-after-logging-input -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "',
      ],
    ],
    [
      'medium',
      [
        '-A ufw-before-logging-input -m conntrack --ctstate NEW -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW AUDIT] "',
      ],
    ],
    [
      'full',
      [
        '-A ufw-before-logging-input -j LOG --log-prefix "[UFW AUDIT] "',
        '-A ufw-after-logging-output -j LOG --log-prefix "[UFW ALLOW] "',
      ],
    ],
  ])('logs at level %s', (level, rules) => {
    const text = printIptables(load({ 'ufw.conf': `LOGLEVEL=${level}\n` }).ruleset)
    for (const rule of rules) expect(text).toContain(`iptables ${rule}\n`)
  })

  test('without IPv6, that is closed but for the loopback', () => {
    const { ruleset } = load({ '../default/ufw': FOLDER['../default/ufw']!.replace('IPV6=yes', 'IPV6=no') })
    const text = printIptables({ tables: ruleset.tables.filter(({ family }) => family === 'ip6') })
    expect(text).toBe(
      `${[
        '-P INPUT DROP',
        '-P FORWARD DROP',
        '-P OUTPUT DROP',
        '-A INPUT -i lo -j ACCEPT',
        '-A OUTPUT -o lo -j ACCEPT',
      ]
        .map((line) => `ip6tables ${line}`)
        .join('\n')}\n`,
    )
  })

  test('programs are not run, but named', () => {
    expect(load({}, ['before.init']).passedOver).toEqual([
      {
        position: { file: '/etc/ufw/before.init', line: 1, column: 1 },
        message: 'ufw runs this program when it starts: what it adds to the rules is not read',
      },
    ])
  })

  test.each([
    [{ 'user.rules': undefined }, /\/etc\/ufw\/user\.rules:1:1: error: there is no such file/],
    [{ '../default/ufw': undefined }, /default\/ufw:1:1: error: there is no such file: its policies/],
    [
      { '../default/ufw': FOLDER['../default/ufw']!.replace('DROP', 'YES') },
      /DEFAULT_INPUT_POLICY is no policy: YES/,
    ],
    [{ 'user.rules': restore('-A nowhere -j DROP') }, /user\.rules:2:4: error: there is no chain nowhere/],
  ])('%j is an error', (changes, message) => {
    expect(errorOf(changes)).toMatch(message)
  })
})
