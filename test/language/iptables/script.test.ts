import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LanguageError } from '../../../src/language/diagnostic.js'
import { type IptablesOptions, loadIptables } from '../../../src/language/iptables/load.js'
import { printRuleset } from '../../../src/language/nft/print/ruleset.js'
import { ENDPOINTS, IPV6, OUTBOUND } from '../../support/chapter.js'

function errorOf(text: string, options?: IptablesOptions): string {
  try {
    loadIptables(text, 'fw.sh', options)
  } catch (error) {
    if (error instanceof LanguageError) return error.message
    throw error
  }
  return 'no error'
}

const printed = (text: string, options?: IptablesOptions) =>
  printRuleset(loadIptables(text, 'fw.sh', options).ruleset)

describe('a script of iptables', () => {
  test("the chapter's three blocks are read as they stand", () => {
    const { ruleset } = loadIptables(ENDPOINTS + OUTBOUND + IPV6, 'chapter.sh')
    expect(ruleset.tables.map(({ family, name }) => `${family} ${name}`)).toEqual(['ip filter', 'ip6 filter'])
    expect(printRuleset(ruleset, { places: true })).toMatchSnapshot()
  })

  test('rules have the place of their command', () => {
    const { ruleset } = loadIptables(ENDPOINTS, 'chapter.sh')
    expect(ruleset.tables[0]!.chains[0]!.rules.map(({ position }) => position!.line)).toEqual([3, 7, 14])
  })

  test('words may be quoted, escaped and followed by comments', () => {
    const { ruleset } = loadIptables(
      `iptables -A INPUT -m comment --comment "it's \\"so\\"" -j LOG --log-prefix 'a # b: ' # -j DROP\n` +
        'iptables -A INPUT -m comment --comment a\\ b#c -j ACCEPT\r\n',
      'fw.sh',
    )
    const rules = ruleset.tables[0]!.chains[0]!.rules
    expect(rules.map(({ comment }) => comment)).toEqual([`it's "so"`, 'a b#c'])
    expect(rules[0]!.statements.at(-1)).toEqual({ kind: 'log', prefix: 'a # b: ' })
  })

  test('programs may be called by path, by sudo, and by the names of both versions', () => {
    const text = printed(`sudo iptables -P INPUT DROP
/usr/sbin/ip6tables-nft -P INPUT DROP
iptables-legacy -A INPUT -p tcp --syn -j DROP\n`)
    expect(text).toMatch(/table ip filter/)
    expect(text).toMatch(/table ip6 filter/)
    expect(text).toMatch(/xt match "tcp"/)
  })

  test.each([
    ['a variable', 'iptables -A INPUT -s $NET -j DROP', /1:22: error: \$NET is a variable of the shell/],
    ['a variable in quotes', 'iptables -A INPUT -s "$NET" -j DROP', /1:23: error: \$NET is a variable/],
    ['braces', `iptables -A INPUT -s \${NET} -j DROP`, /1:22: error: \$\{NET\} is a variable/],
    ['a substitution', 'iptables -A INPUT -s $(dig +short x) -j DROP', /1:22: error: \$\(…\) is the output/],
    ['backticks', 'iptables -A INPUT -s `cat x` -j DROP', /1:22: error: `…` is the output/],
    ['a pipe', 'iptables -S | grep x', /1:13: error: \| is a pipe/],
    ['a redirection', 'iptables -L > x', /1:13: error: > is a redirection/],
    ['two commands', 'iptables -F; iptables -X', /1:12: error: ; is two commands/],
    ['a condition', 'iptables -N x && iptables -F', /1:15: error: & is/],
    ['a list in braces', 'iptables -A INPUT -i {a,b} -j DROP', /1:22: error: this list in braces/],
    ['a loop', 'for i in 1 2', /1:1: error: for is of a loop of the shell/],
    ['an assignment', 'NET=10.0.0.0/8', /1:1: error: NET=.* sets a variable/],
    ['another program', 'modprobe ip_tables', /1:1: error: modprobe is no command of iptables/],
    ['space behind a backslash', 'iptables -F \\ \n', /1:13: error: space follows this backslash/],
    ['an open quote', 'iptables -A INPUT -i "eth0\n', /1:22: error: this quote is not closed/],
    ['nothing to do', 'iptables', /1:1: error: this command says not what is to be done/],
  ])('%s is an error that says so', (_, text, message) => {
    expect(errorOf(text)).toMatch(message)
  })

  test('prose is an error, or passed over on request and named', () => {
    const text = `Protect the server:\niptables is a program.\n${OUTBOUND}IPv6 (see below) && more\n`
    expect(errorOf(text)).toMatch(/^fw\.sh:1:1: error: Protect is no command/)
    const { passedOver, ruleset } = loadIptables(text, 'fw.sh', { prose: true })
    expect(passedOver.map(({ position }) => position.line)).toEqual([1, 2, 10])
    expect(ruleset.tables[0]!.chains[0]!.rules).toHaveLength(5)
  })

  test('every error is told, ten at most', () => {
    expect(errorOf('iptables -A X\niptables -A Y\n').match(/error:/g)).toHaveLength(2)
    expect(errorOf('iptables -A X\n'.repeat(1000)).match(/error:/g)).toHaveLength(10)
  })

  test('hostile text is read or refused, and nothing else', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'iptables',
        'ip6tables',
        '-A',
        'INPUT',
        '-p',
        'tcp',
        '-m',
        'recent',
        '--set',
        '--dport',
        '1:',
        '!',
      ),
      fc.constantFrom(
        '"',
        "'",
        '\\',
        '\n',
        '#',
        '\\\n',
        '$',
        '\u0000',
        '-j',
        'LOG',
        '--log-prefix',
        '-s',
        '::/0',
        '1.2.3.4/33',
      ),
      fc.string({ maxLength: 6 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.boolean(), (pieces, prose) => {
        const text = `iptables -A INPUT ${pieces.join(' ')}`
        expect(errorOf(text, { prose })).toEqual(expect.any(String))
      }),
    )
  })

  test('words and commands have bounds', () => {
    expect(errorOf(`iptables -A INPUT -m comment --comment ${'x'.repeat(2000)}`)).toMatch(
      /at most 1023 letters/,
    )
    expect(errorOf(`iptables -A INPUT ${'-v '.repeat(400)}`)).toMatch(/at most 255 words/)
    const many = Array.from({ length: 90 }, (_, i) => `1.1.1.${i}`).join(',')
    expect(errorOf(`iptables -A INPUT -s ${many} -d ${many}`)).toMatch(/more than 4096 rules/)
  })
})
