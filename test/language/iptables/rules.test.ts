import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LanguageError } from '../../../src/language/diagnostic.js'
import type { Backend } from '../../../src/language/iptables/extensions/extension.js'
import { loadIptables } from '../../../src/language/iptables/load.js'
import { printIptables } from '../../../src/language/iptables/print/print.js'
import type { Statement } from '../../../src/ruleset/model.js'
import { OUTPUT4, OUTPUT6 } from '../../support/iptables-rules.js'

function load(command: string, backend: Backend = 'nft') {
  return loadIptables(`${command}\n`, 'fw.sh', { backend }).ruleset
}

function statements(rule: string, backend?: Backend): readonly Statement[] {
  const { chains } = load(`iptables -A INPUT ${rule}`, backend).tables[0]!
  return chains[0]!.rules[0]!.statements.filter(({ kind }) => kind !== 'counter')
}

/** What the rule of a command is printed as, behind its chain. */
function printed(command: string, backend?: Backend): string {
  return printIptables(load(command, backend))
    .replace(/^ip6?tables(?: -t \w+)? -A \w+ ?/, '')
    .trim()
}

function errorOf(command: string): string {
  try {
    load(command)
  } catch (error) {
    if (error instanceof LanguageError) return error.message.split('\n')[0]!
    throw error
  }
  return 'no error'
}

describe('rules', () => {
  const all = [
    ...OUTPUT4.map((row) => ['iptables', ...row] as const),
    ...OUTPUT6.map((row) => ['ip6tables', ...row] as const),
  ]
  test.each(all)('%s -A OUTPUT %s is printed as iptables prints it', (program, rule, expected = rule) => {
    expect(printed(`${program} -A OUTPUT ${rule}`)).toBe(expected)
  })

  test.each(all)('%s -A OUTPUT %s is the same when it is read again', (program, rule) => {
    for (const backend of ['nft', 'legacy'] as const) {
      const first = load(`${program} -A OUTPUT ${rule}`, backend)
      const again = loadIptables(printIptables(first), 'fw.sh', { backend }).ruleset
      const bare = ({ tables }: typeof first) =>
        tables.map(({ chains }) =>
          chains.map(({ rules }) => rules.map(({ statements, comment }) => [statements, comment])),
        )
      expect(bare(again)).toEqual(bare(first))
    }
  })

  test('any of the options together are the same when they are read again', () => {
    const plain = OUTPUT4.map(([rule]) => rule).filter(
      (rule) => !/-p |-[sdofj] |^-f|^! -f|comment|string|u32/.test(rule),
    )
    fc.assert(
      fc.property(
        fc.subarray(plain, { maxLength: 5 }),
        fc.constantFrom('ACCEPT', 'DROP', 'RETURN'),
        (parts, target) => {
          const text = printIptables(load(`iptables -A OUTPUT ${parts.join(' ')} -j ${target}`))
          expect(printIptables(load(text.trim()))).toBe(text)
        },
      ),
    )
  })

  test('what nft decides in the same way is nft’s', () => {
    expect(statements('-p tcp --dport 80 -m limit --limit 7777/min')).toEqual([
      expect.objectContaining({ left: { kind: 'meta', key: 'l4proto' } }),
      expect.objectContaining({ left: { kind: 'payload', protocol: 'tcp', field: 'dport' } }),
      { kind: 'limit', rate: 129, per: 'second', burst: 5, over: false },
    ])
    // Asking for nothing is xtables' own match, which drops short headers; a test of no flags is forgotten.
    expect(statements('-p tcp -m tcp')[1]).toEqual({ kind: 'xtables', name: 'tcp' })
    expect(statements('-p tcp --tcp-flags NONE SYN')).toHaveLength(1)
  })

  test('iptables-legacy has matches of its own', () => {
    expect(statements('-p tcp --dport 80 -m limit --limit 3/s', 'legacy').slice(1)).toEqual([
      { kind: 'xtables', name: 'tcp', dport: { from: 80, to: 80 } },
      { kind: 'xtables', name: 'limit', rate: 3, per: 'second', burst: 5 },
    ])
    const { chains } = load('ip6tables -A INPUT -p tcp', 'legacy').tables[0]!
    expect(chains[0]!.rules[0]!.statements[0]).toEqual({ kind: 'xtables', name: 'protocol', protocol: 6 })
  })

  test.each([
    ['-m tcp --dport 80', /tcp needs -p tcp/],
    ['! -p tcp --dport 80', /tcp needs -p tcp/],
    ['-p tcp --dport 65536', /65536 is out of range: 0 to 65535/],
    ['-p tcp --dport 90:80', /the range 90:80 is empty/],
    ['-p tcp --dport sssh', /there is no service sssh/],
    ['-p tcp --syn --tcp-flags SYN SYN', /--tcp-flags does not go with --syn/],
    ['-p tcp --tcp-flags SYN BAD', /BAD is no TCP flag/],
    ['-p icmp --icmp-type echo', /echo is ambiguous: echo-reply or echo-request/],
    ['-p icmp -m icmp', /icmp needs --icmp-type/],
    ['-m multiport --dports 80', /multiport needs a protocol that has ports/],
    ['-p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16', /too many ports/],
    ['-m state --state SNAT', /SNAT is no connection state/],
    ['-m conntrack', /conntrack needs an option/],
    ['-m recent', /recent needs --set or --rcheck or --update or --remove/],
    ['-m recent --set --rcheck', /--rcheck does not go with --set/],
    ['-m recent --set --seconds 5', /--seconds needs --rcheck or --update/],
    ['-m recent --update --reap', /--reap needs --seconds/],
    ['-m recent --update --hitcount 65536', /65536 is out of range/],
    ['-m recent --set --name a/b', /the name of a list is the name of a file/],
    ['-m limit --limit 20000/s', /too fast/],
    ['-m limit ! --limit 3/s', /--limit cannot be inverted/],
    ['-m hashlimit --hashlimit-upto 5/s', /hashlimit needs --hashlimit-name/],
    ['-m statistic --mode random --probability 1.1', /1.1 is no chance: 0 to 1/],
    ['-m statistic --mode nth --every 3 --packet 3', /3 is out of range: 0 to 2/],
    ['-m owner --uid-owner 5', /owner cannot look at this in INPUT/],
    ['-m time --timestart 25:00', /25:00 is no time of day/],
    ['-m time --datestart 2030-02-31', /is no date/],
    ['-m u32 --u32 0=', / is no number/],
    ['-m string --string x', /string needs --algo/],
    ['-m ttl --ttl-eq 256', /256 is out of range: 0 to 255/],
    ['-m dscp --dscp 0x40', /0x40 is out of range/],
    ['-m set --match-set x src', /there is no ipset x here/],
    ['-m rateest --rateest a --rateest-lt', /rateest compares/],
    ['-j MARK', /MARK needs --set-xmark or/],
    ['-j MARK --set-mark 4294967296', /out of range/],
    ['-j LOG --log-level 8', /8 is out of range: 0 to 7/],
    ['-j NFQUEUE --queue-cpu-fanout', /--queue-cpu-fanout needs --queue-balance/],
    ['-j TTL --ttl-set 5', /TTL is for the table mangle/],
    ['-j CT --notrack', /CT is for the table raw/],
  ])('%s is refused', (rule, message) => {
    expect(errorOf(`iptables -A INPUT ${rule}`)).toMatch(message)
  })

  test('numbers are as strtoul reads them', () => {
    expect(printed('iptables -A INPUT -m mark --mark 010/0x0F')).toBe('-m mark --mark 0x8/0xf')
    expect(errorOf('iptables -A INPUT -m mark --mark 08')).toMatch(/08 is no number/)
    expect(errorOf('iptables -A INPUT -m mark --mark -1')).toMatch(/-1 is no number/)
  })
})
