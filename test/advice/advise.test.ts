import { describe, expect, test } from 'vitest'
import { advise, type Surroundings } from '../../src/advice/advise.js'
import { loadIptables } from '../../src/language/iptables/load.js'
import { parseNft } from '../../src/language/nft/load.js'
import { parsePolicy } from '../../src/language/policy/load.js'
import type { Ruleset } from '../../src/ruleset/model.js'
import { ENDPOINTS, IPV6, OUTBOUND } from '../support/chapter.js'

/** The advice on a ruleset: its kinds, with the lines that each is about. */
function kinds(ruleset: Ruleset, surroundings?: Surroundings): string[] {
  return advise(ruleset, surroundings).map(({ id, positions }) =>
    `${id} ${positions.map(({ line }) => line).join(',')}`.trim(),
  )
}

const iptables = (...lines: string[]) => loadIptables(lines.join('\n'), 'fw.sh').ruleset
const nft = (...rules: string[]) =>
  parseNft(
    `table inet f {\nchain i { type filter hook input priority 0; policy drop;\n${rules.join('\n')}\n}\n}`,
    'f.nft',
  )

/** What no ruleset should do without, so that nothing is said of it. */
const SOUND = [
  'iifname lo accept',
  'ct state established,related accept',
  'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept',
]

describe('advice', () => {
  test('on the chapter’s own rules', () => {
    const ruleset = iptables(ENDPOINTS + OUTBOUND + IPV6)
    expect(kinds(ruleset)).toEqual([
      'recent-pair 3,7',
      'others-unlimited 3,7',
      'restricts-nothing 14',
      'no-replies 22',
      'no-loopback 22',
      'no-dns 22',
      'no-neighbours 24',
      'no-neighbours 25',
    ])
    expect(advise(ruleset).map(({ message }) => message)).toMatchSnapshot()
  })

  test('with the policy drop, the chapter’s service is closed to everybody', () => {
    const ruleset = iptables(`${ENDPOINTS}iptables -P INPUT DROP`)
    expect(kinds(ruleset)).toContain('never-accepted 3,7')
    expect(kinds(ruleset)).not.toContain('restricts-nothing 14')
  })

  test('none on what is sound', () => {
    expect(kinds(nft(...SOUND, 'tcp dport 22 accept', 'ip saddr 10.0.0.0/8 tcp dport 80 accept'))).toEqual([])
    expect(kinds(nft(...SOUND, 'tcp dport 23 drop'))).toEqual([])
    const policy = 'inbound:\n  - allow: ssh\n    port: tcp/22\noutbound: any\n'
    expect(kinds(parsePolicy(policy, 'p.yaml'))).toEqual([])
  })

  test('a line that restricts a source restricts only if something drops the others', () => {
    const accept = 'iptables -A INPUT -p tcp --dport 80 -s 10.0.0.1 -j ACCEPT'
    expect(kinds(iptables(accept))).toContain('restricts-nothing 1')
    const behind = (line: string) => kinds(iptables(accept, line)).join()
    expect(behind('iptables -A INPUT -p tcp --dport 80 -j DROP')).not.toContain('restricts-nothing')
    expect(behind('iptables -A INPUT -p tcp --dport 81 -j DROP')).toContain('restricts-nothing')
    expect(behind('iptables -P INPUT DROP')).not.toContain('restricts-nothing')
  })

  test('what a chain drops that rules lead to is dropped on purpose', () => {
    const lines = ['iptables -P INPUT DROP', 'iptables -N no', 'iptables -A no -j DROP']
    expect(kinds(iptables(...lines, 'iptables -A INPUT -p udp --dport 137 -j no')).join()).not.toContain(
      'never-accepted',
    )
    expect(
      kinds(iptables(...lines, 'iptables -A INPUT -p udp --dport 137 -m limit -j LOG')).join(),
    ).toContain('never-accepted 4')
  })

  test('recent: --rcheck, and a pair in the right order', () => {
    const set = 'iptables -A INPUT -m recent --set'
    const check = 'iptables -A INPUT -m recent --rcheck --seconds 60 --hitcount 4 -j DROP'
    expect(kinds(iptables(set, check))).toContain('recent-pair 1,2')
    expect(kinds(iptables(check, set)).join()).not.toContain('recent-pair')
  })

  test('rules for one IP version only', () => {
    expect(kinds(iptables('iptables -P INPUT DROP')).join()).toContain('one-version')
    expect(kinds(iptables('iptables -P INPUT DROP', 'ip6tables -P INPUT DROP')).join()).not.toContain(
      'one-version',
    )
  })

  test('a policy that cuts the connection somebody is working over', () => {
    const session = { client: { bits: 32, value: 0x0a000005n }, clientPort: 50_000, serverPort: 22 } as const
    const cut = kinds(iptables('iptables -A INPUT -j DROP'), { session })
    expect(cut[0]).toBe('cuts-session 1')
    expect(kinds(nft(...SOUND), { session })).toEqual([])
    expect(kinds(nft('tcp dport 22 ip saddr 10.0.0.5 accept'), { session }).join()).not.toContain(
      'cuts-session',
    )
  })

  test('ports that Docker publishes', () => {
    const rules = ['iptables -P INPUT DROP', 'iptables -A INPUT -i lo -j ACCEPT']
    expect(kinds(iptables(...rules), { docker: true })).toContain('docker-ports 2')
    expect(kinds(iptables(...rules)).join()).not.toContain('docker')
    expect(kinds(iptables(...rules, 'iptables -P FORWARD DROP'), { docker: true }).join()).not.toContain(
      'docker',
    )
  })
})
