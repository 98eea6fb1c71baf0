import { describe, expect, test } from 'vitest'
import { LanguageError } from '../../../src/language/diagnostic.js'
import { loadIptables } from '../../../src/language/iptables/load.js'
import { printRuleset } from '../../../src/language/nft/print/ruleset.js'

/** The rules of the table filter after some commands, as nft's text, without counters. */
function rules(...commands: string[]): string[] {
  const text = commands.map((command) => `iptables ${command}`).join('\n')
  return printRuleset(loadIptables(text, 'fw.sh').ruleset)
    .split('\n')
    .map((line) => line.trim().replace('counter ', ''))
    .filter((line) => line !== '' && line !== '}' && !line.startsWith('table') && !line.startsWith('type'))
}

function errorOf(...commands: string[]): string {
  try {
    rules(...commands)
  } catch (error) {
    if (error instanceof LanguageError) return error.message.split('\n')[0]!
    throw error
  }
  return 'no error'
}

describe('commands', () => {
  test('-A appends, -I inserts at a number or at the head', () => {
    const [a, b, c] = ['-s 1.1.1.1 -j DROP', '-s 2.2.2.2 -j DROP', '-s 3.3.3.3 -j DROP']
    expect(rules(`-A INPUT ${a}`, `-I INPUT ${b}`, `-I INPUT 2 ${c}`)).toEqual([
      'chain INPUT {',
      'ip saddr 2.2.2.2 drop',
      'ip saddr 3.3.3.3 drop',
      'ip saddr 1.1.1.1 drop',
    ])
  })

  test('lists of addresses make a rule of each pair; inserted ones stand the other way round', () => {
    expect(rules('-I INPUT -s 1.1.1.1,2.2.2.2 -d 3.3.3.3,4.4.4.4 -j DROP').slice(1)).toEqual([
      'ip saddr 2.2.2.2 ip daddr 4.4.4.4 drop',
      'ip saddr 2.2.2.2 ip daddr 3.3.3.3 drop',
      'ip saddr 1.1.1.1 ip daddr 4.4.4.4 drop',
      'ip saddr 1.1.1.1 ip daddr 3.3.3.3 drop',
    ])
  })

  test('-D deletes by number and by rule, however that is written', () => {
    const two = ['-A INPUT -p tcp --dport 22 -j ACCEPT', '-A INPUT -p udp --dport 53 -j ACCEPT']
    expect(rules(...two, '-D INPUT 1')[1]).toMatch(/udp dport 53/)
    expect(rules(...two, '-D INPUT -j ACCEPT -m udp --destination-port domain -p 17')).toHaveLength(2)
    expect(errorOf(...two, '-D INPUT -p tcp --dport 23 -j ACCEPT')).toMatch(
      /:3:10: error: there is no such rule/,
    )
    expect(errorOf('-D INPUT 1')).toMatch(/1 is no rule's number here: 1 to 0/)
  })

  test('-R replaces one rule by one', () => {
    expect(rules('-A INPUT -j DROP', '-R INPUT 1 -j ACCEPT')[1]).toBe('accept')
    expect(errorOf('-A INPUT -j DROP', '-R INPUT 1 -s 1.1.1.1,2.2.2.2')).toMatch(/replaced by one only/)
  })

  test('-N, -E, -X and -F: chains of one’s own', () => {
    expect(rules('-N a', '-A INPUT -j a', '-A INPUT -g a', '-E a b', '-A b -j RETURN')).toEqual([
      'chain INPUT {',
      'jump b',
      'goto b',
      'chain b {',
      'return',
    ])
    expect(rules('-N a', '-A a -j DROP', '-F a', '-X a')).toEqual([])
    expect(rules('-N a', '-N b', '-X')).toEqual([])
    expect(errorOf('-N a', '-N a')).toMatch(/there is a chain a already/)
    expect(errorOf('-N a', '-A INPUT -j a', '-X a')).toMatch(/a rule leads to the chain a/)
    expect(errorOf('-N a', '-A a -j DROP', '-X a')).toMatch(/the chain a has rules/)
    expect(errorOf('-X INPUT')).toMatch(/built-in chain/)
    expect(errorOf('-N ACCEPT')).toMatch(/ACCEPT is a target/)
    expect(errorOf('-A INPUT -j nowhere')).toMatch(/there is no chain or target nowhere/)
  })

  test('-P sets a policy of a built-in chain, -Z forgets counts', () => {
    const { ruleset } = loadIptables(
      'iptables -P INPUT DROP\niptables -A INPUT -c 5 60 -j ACCEPT\niptables -Z\niptables -A INPUT -c 7,80 -j DROP',
      'fw.sh',
    )
    const [input] = ruleset.tables[0]!.chains
    expect(input!.base).toEqual({ type: 'filter', hook: 'input', priority: 0, policy: 'drop' })
    expect(input!.rules.map(({ statements }) => statements[0])).toEqual([
      { kind: 'counter' },
      { kind: 'counter', packets: 7n, bytes: 80n },
    ])
    expect(errorOf('-N a', '-P a DROP')).toMatch(/a is no built-in chain/)
    expect(errorOf('-P INPUT REJECT')).toMatch(/REJECT is no policy: ACCEPT or DROP/)
  })

  test('tables: mangle and raw are read, nat and security refused', () => {
    const { ruleset } = loadIptables(
      'iptables -t mangle -A OUTPUT -j MARK --set-mark 1\niptables -t raw -A PREROUTING -j NOTRACK',
      'fw.sh',
    )
    expect(printRuleset(ruleset)).toMatchSnapshot()
    expect(errorOf('-t nat -A PREROUTING -j DNAT --to-destination 1.1.1.1')).toMatch(
      /:1:34: error: the target DNAT is not read: it rewrites addresses/,
    )
    expect(errorOf('-t nat -F')).toMatch(/the table nat is not read/)
    expect(errorOf('-t security -F')).toMatch(/the table security is not read/)
    expect(errorOf('-t filtr -F')).toMatch(/there is no table filtr/)
  })

  test.each([
    ['-A INPUT -A OUTPUT', /a command does one thing/],
    ['-A INPUT -p tcp -p udp', /-p is there already/],
    ['-A INPUT -ptcp', /-ptcp is no option/],
    ['-A INPUT extra', /extra is out of place/],
    ['-A INPUT -j', /-j needs a value/],
    ['-A INPUT --dport 80', /there is no option --dport/],
    ['-A INPUT -p icmp --dport 80', /there is no option --dport/],
    ['-A INPUT -o eth0', /-o is nothing to look at in INPUT/],
    ['-A OUTPUT -i eth0', /-i is nothing to look at in OUTPUT/],
    ['-A INPUT -i thisnameistoolong', /a name of 1 to 15 letters/],
    ['-A INPUT -s example.org', /example\.org is no IPv4 address/],
    ['-A INPUT -s fd00::1', /is an address of IPv6/],
    ['-A INPUT ! -s 1.1.1.1,2.2.2.2', /inverted list/],
    ['-A INPUT ! -p all', /no packet is of no protocol/],
    ['-A INPUT -p nonsense', /nonsense is no protocol/],
    ['-A INPUT -j DROP -g x', /-g and -j are two ways/],
    ['-A INPUT -j TPROXY --on-port 1', /the target TPROXY is not read: it hands packets to a proxy/],
    ['-A INPUT -m nonsense', /there is no match nonsense/],
    ['-A INPUT -j REJECT --reject-with tcp-reset', /tcp-reset needs -p tcp/],
    ['-t mangle -A INPUT -j REJECT', /REJECT is for the table filter/],
    ['-F -s 1.1.1.1', /-s does not go with -F/],
    ['-A INPUT !', /nothing follows this !/],
    ['-A INPUT ! -j DROP', /-j cannot be inverted/],
    ['-A INPUT --prot tcp --d 1', /--d is ambiguous/],
  ])('%s is refused', (command, message) => {
    expect(errorOf(command)).toMatch(message)
  })
})
