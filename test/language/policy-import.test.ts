import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compile } from '../../src/engine/compile/compile.js'
import { Engine, Verdict } from '../../src/engine/judge.js'
import { loadIptables } from '../../src/language/iptables/load.js'
import { parseNft } from '../../src/language/nft/load.js'
import { importAsPolicy } from '../../src/language/policy/import/policy.js'
import { parsePolicy } from '../../src/language/policy/load.js'
import { CtState, Hook, Packet } from '../../src/packet/packet.js'
import type { Ruleset } from '../../src/ruleset/model.js'
import { environment } from '../support/environment.js'
import { buildPacket, segment } from '../support/packets.js'

const both = (...rules: string[]) =>
  rules.flatMap((rule) => [`iptables ${rule}`, `ip6tables ${rule}`]).join('\n')

function imported(text: string) {
  const { ruleset } = loadIptables(text, 'fw.sh')
  const { text: policy, lost, differs } = importAsPolicy(ruleset, text)
  return {
    ruleset,
    policy: parsePolicy(policy, 'policy.yaml'),
    lines: policy.split('\n').map((line) => line.trim()),
    lost: lost.map(
      ({ position, message, hint }) => `${position.line}: ${message}${hint ? ` (${hint})` : ''}`,
    ),
    differs: differs.map(({ message }) => message),
  }
}

/** What comes before a policy's own rules, as iptables says it. */
const BASICS = both(
  '-P INPUT DROP',
  '-P OUTPUT DROP',
  '-A INPUT -i lo -j ACCEPT',
  '-A OUTPUT -o lo -j ACCEPT',
  '-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
  '-A OUTPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
  '-A INPUT -m conntrack --ctstate INVALID -j DROP',
  '-A OUTPUT -m conntrack --ctstate INVALID -j DROP',
)
const NEIGHBOURS = [130, 134, 135, 136].map(
  (type) => `ip6tables -A INPUT -p icmpv6 --icmpv6-type ${type} -j ACCEPT`,
)
const SENT = [131, 132, 133, 135, 136, 143].map(
  (type) => `ip6tables -A OUTPUT -p icmpv6 --icmpv6-type ${type} -j ACCEPT`,
)
const WHOLE = [BASICS, ...NEIGHBOURS, ...SENT].join('\n')

describe('rules as a policy', () => {
  test('what has that simple a shape is a policy, and nothing is lost', () => {
    const { lines, lost, differs } = imported(
      `${WHOLE}\n${both('-A INPUT -p tcp --dport 443 -j ACCEPT')}
iptables -A INPUT -p tcp --dport 11434 -s 10.0.0.0/16 -j ACCEPT
iptables -A INPUT -p tcp -m multiport --dports 80,8000:8010 ! -s 10.0.0.0/8 -i eth+ -m comment --comment "web ui" -j ACCEPT
iptables -A OUTPUT -d 10.0.2.10 -p tcp --dport 5432 -j ACCEPT
${both('-A INPUT -p icmp --icmp-type 8 -j ACCEPT').split('\n')[0]}
ip6tables -A INPUT -p icmpv6 --icmpv6-type echo-request -j ACCEPT
${both('-A INPUT -j DROP')}`,
    )
    expect({ lost, differs }).toEqual({ lost: [], differs: [] })
    expect(lines.filter((line) => !line.startsWith('#'))).toEqual([
      'also: [ping]',
      '',
      'inbound:',
      '- allow: https',
      'port: tcp/443',
      '- allow: tcp-11434',
      'port: tcp/11434',
      'from: 10.0.0.0/16',
      '- allow: web-ui',
      'port: [tcp/80, tcp/8000-8010]',
      'from: [0.0.0.0-9.255.255.255, 11.0.0.0-255.255.255.255]',
      'interface: "eth*"',
      '',
      'outbound:',
      '- allow: postgresql',
      'port: tcp/5432',
      'to: 10.0.2.10',
      '',
    ])
    expect(lines).toContain('# fw.sh:29: iptables -A INPUT -p tcp --dport 11434 -s 10.0.0.0/16 -j ACCEPT')
  })

  test('chains are followed, and what comes back from them goes on', () => {
    const { lines, lost } = imported(
      `${WHOLE}\n${both('-N web', '-A web -s 10.0.0.7 -j DROP', '-A web -p tcp --dport 443 -j ACCEPT', '-A INPUT -p tcp --dport 80:1000 -j web', '-A INPUT -p tcp --dport 22 -j ACCEPT').replaceAll('ip6tables -A web -s 10.0.0.7', 'ip6tables -A web -s fd00::7')}`,
    )
    expect(lost).toEqual([])
    expect(lines.filter((line) => /^(?:- |port|from)/.test(line)).slice(0, 9)).toEqual([
      '- deny: tcp-ports',
      'port: tcp/80-1000',
      'from: 10.0.0.7',
      '- deny: tcp-ports-2',
      'port: tcp/80-1000',
      'from: "fd00::7"',
      '- allow: https',
      'port: tcp/443',
      '- allow: ssh',
    ])
  })

  test.each([
    [
      '-A INPUT -m recent --name x --update --seconds 60 --hitcount 20 -j DROP',
      /limit: 20 per 60 seconds per source/,
    ],
    [
      '-A INPUT -p tcp --syn -j ACCEPT',
      /a policy does not look at tcp flags: what this rule lets through is refused/,
    ],
    ['-A INPUT -m ttl --ttl-lt 5 -j DROP', /ip ttl: what this rule drops may come through/],
    ['-A INPUT -p udp --sport 67 --dport 68 -j ACCEPT', /udp sport.*also: \[dhcp\]/],
    ['-A INPUT -m limit --limit 5/min -j ACCEPT', /a rate for all sources together/],
    ['-A INPUT -p icmp -j ACCEPT', /of ICMP, a policy knows errors and pings/],
    ['-A INPUT -p tcp --dport 25 -j REJECT', /a policy drops what this rejects/],
    ['-A INPUT -j LOG', /a policy has no LOG/],
    ['-P FORWARD DROP', /filter FORWARD, 0 rules, policy drop: a policy is about what this machine gets/],
    ['-t mangle -A PREROUTING -j MARK --set-mark 1', /mangle PREROUTING, 1 rule, policy accept/],
  ])('%s is told of', (rule, message) => {
    const { lost } = imported(
      `iptables ${rule}\niptables -A INPUT -p tcp --dport 22 -j ACCEPT\niptables -A INPUT -s 10.0.0.1 -j ACCEPT`,
    )
    expect(lost[0]).toMatch(message)
    expect(lost[0]).toMatch(/^1: /)
  })

  test('what a chain spares is not said of the rest', () => {
    const { lines, lost } = imported(
      `${WHOLE}\n${both('-N own', '-A own -m addrtype --dst-type LOCAL -j RETURN', '-A own -j DROP', '-A INPUT -j own', '-A INPUT -p tcp --dport 22 -j ACCEPT')}`,
    )
    expect(lost[0]).toMatch(/does not look at fib daddr type: the rest of its chain is left out/)
    expect(lines).toContain('- allow: ssh')
  })

  test('the chapter’s mistakes are told: what a policy does, and these rules do not', () => {
    const { differs } = imported(
      'iptables -A OUTPUT -p tcp --dport 5432 -d 10.0.2.10 -j ACCEPT\niptables -A OUTPUT -j DROP',
    )
    expect(differs).toContain(
      'output, IPv4: established connections pass in a policy, and not all of them pass here',
    )
    expect(differs).toContain(
      'output, IPv4: packets of the loopback pass in a policy, and not all of them pass here',
    )
  })

  test('a ruleset of nft, with sets', () => {
    const text = `table inet f { set s { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.168.0.1 } }
      chain input { type filter hook input priority 0; policy accept
        meta l4proto { tcp, udp } th dport 53 ip saddr @s drop } }`
    const policy = importAsPolicy(parseNft(text, 'f.nft'), text).text
    expect(policy).toContain('port: [tcp/53, udp/53]\n    from: [10.0.0.0/8, 192.168.0.1]\n')
    expect(policy).toContain('- allow: everything\n')
    expect(policy).toContain('outbound: any\n')
  })
})

const INTERFACES = ['lo', 'eth0', 'eth1', 'wg0']
const ADDRESSES = {
  ip: ['10.0.0.1', '10.0.0.7', '10.1.2.3', '192.168.0.1', '203.0.113.9'],
  ip6: ['fd00::1', 'fd00::7', 'fd00:1::3', '2001:db8::9'],
}
const PORTS = [22, 53, 80, 443, 8005, 11434]
const NETWORKS = {
  ip: ['10.0.0.0/24', '10.0.0.7', '10.0.0.0/8', '192.168.0.0/16', '0.0.0.0/0'],
  ip6: ['fd00::/64', 'fd00::7', 'fd00::/8', '2001:db8::/32', '::/0'],
}

type Family = 'ip' | 'ip6'

const option = (...words: string[]) => fc.option(fc.constantFrom(...words), { nil: '' })

/** A rule of iptables about what policies know, behind the chain. */
function simpleRule(
  family: Family,
  pinged: boolean,
  side: 'i' | 'o',
  targets: readonly string[],
): fc.Arbitrary<string> {
  const icmp = family === 'ip' ? '-p icmp --icmp-type 8' : '-p icmpv6 --icmpv6-type 128'
  const networks = NETWORKS[family].slice(0, 4)
  return fc
    .tuple(
      option(
        '-p tcp --dport 22',
        '-p tcp -m multiport --dports 80,443,8000:8010',
        '-p udp --dport 53',
        '-p tcp ! --dport 443',
        '-p tcp',
        '-p udp',
        ...(pinged ? [icmp] : []),
      ),
      option(...networks.flatMap((net) => [`-s ${net}`, `! -s ${net}`])),
      option(...networks.map((net) => `-d ${net}`)),
      option(`-${side} eth0`, `-${side} eth+`, `! -${side} lo`),
      option(
        '-m conntrack --ctstate NEW',
        '-m state --state NEW,ESTABLISHED',
        '-m conntrack ! --ctstate INVALID',
      ),
      fc.constantFrom(...targets),
    )
    .map((words) => words.filter((word) => word !== '').join(' '))
}

const VERDICTS = ['-j ACCEPT', '-j ACCEPT', '-j DROP']
const policy = fc.constantFrom('ACCEPT', 'DROP', 'DROP')

function familyRules(family: Family, pinged: boolean): fc.Arbitrary<string[]> {
  const program = family === 'ip' ? 'iptables' : 'ip6tables'
  const rules = (side: 'i' | 'o', targets: readonly string[], maxLength: number) =>
    fc.array(simpleRule(family, pinged, side, targets), { maxLength })
  return fc
    .record({
      input: rules(
        'i',
        [...VERDICTS, ...VERDICTS, ...VERDICTS, '-j one', '-j one', '-g one', '-j RETURN'],
        5,
      ),
      output: rules('o', VERDICTS, 3),
      one: rules('i', [...VERDICTS, ...VERDICTS, ...VERDICTS, '-j RETURN'], 3),
      policies: fc.tuple(policy, policy),
    })
    .map(({ input, output, one, policies }) => [
      `${program} -N one`,
      `${program} -P INPUT ${policies[0]}`,
      `${program} -P OUTPUT ${policies[1]}`,
      ...one.map((rule) => `${program} -A one ${rule}`),
      ...input.map((rule) => `${program} -A INPUT ${rule}`),
      ...output.map((rule) => `${program} -A OUTPUT ${rule}`),
    ])
}

interface Sample {
  readonly bytes: Uint8Array
  readonly hook: number
  readonly iif: number
  readonly oif: number
  readonly ctState: number
}

const STATES = [CtState.new, CtState.new, CtState.established, CtState.related, CtState.invalid]

const sample: fc.Arbitrary<Sample> = fc
  .constantFrom<Family>('ip', 'ip6')
  .chain((family) =>
    fc.record({
      family: fc.constant(family),
      source: fc.constantFrom(...ADDRESSES[family]),
      destination: fc.constantFrom(...ADDRESSES[family]),
      kind: fc.constantFrom('tcp', 'tcp', 'udp', 'ping', 'other'),
      port: fc.constantFrom(...PORTS),
      hook: fc.constantFrom(Hook.input, Hook.output),
      face: fc.nat({ max: INTERFACES.length - 1 }),
      ctState: fc.constantFrom(...STATES),
    }),
  )
  .map(({ family, source, destination, kind, port, hook, face, ctState }) => {
    const icmp = family === 'ip' ? 1 : 58
    const echo = Uint8Array.of(family === 'ip' ? 8 : 128, 0, 0, 0, 0, 1, 0, 1)
    const bytes =
      kind === 'tcp' || kind === 'udp'
        ? segment(kind, source, destination, port)
        : buildPacket({ source, destination, protocol: kind === 'ping' ? icmp : 47, payload: echo })
    const inward = hook === Hook.input
    return { bytes, hook, iif: inward ? face : -1, oif: inward ? -1 : face, ctState }
  })

function engineOf(ruleset: Ruleset): (sample: Sample) => boolean {
  const engine = new Engine(compile(ruleset), environment())
  for (const [index, name] of INTERFACES.entries()) engine.learnInterface(index, name)
  const packet = new Packet()
  return ({ bytes, hook, iif, oif, ctState }) => {
    packet.attach(bytes)
    packet.parse(0, bytes.length)
    Object.assign(packet, { hook, iif, oif, ctState })
    return engine.judge(packet) === Verdict.accept
  }
}

describe('the policy, read again,', () => {
  const head = WHOLE.split('\n').filter((line) => !line.includes('-P'))
  const rules = fc
    .tuple(fc.constantFrom(true, true, false), fc.constantFrom(true, false, false))
    .chain(([basics, pinged]) =>
      fc.tuple(fc.constant(basics ? head : []), familyRules('ip', pinged), familyRules('ip6', pinged)),
    )
    .map((lines) => lines.flat().join('\n'))

  test('judges as the rules do, but for what was told of', () => {
    let whole = 0
    let same = 0
    fc.assert(
      fc.property(rules, fc.array(sample, { minLength: 40, maxLength: 40 }), (text, samples) => {
        const { ruleset, policy, lost, differs } = imported(text)
        if (lost.length > 0) return
        whole++
        if (differs.length === 0) same++
        const [theirs, ours] = [engineOf(ruleset), engineOf(policy)]
        for (const one of samples) {
          const face = INTERFACES[Math.max(one.iif, one.oif)]
          const plain = one.ctState === CtState.new && face !== 'lo'
          if (differs.length === 0 || plain) expect([one, ours(one)]).toEqual([one, theirs(one)])
        }
      }),
      { numRuns: 80, seed: 20261122 },
    )
    expect(whole).toBeGreaterThan(20)
    expect(same).toBeGreaterThan(5)
  }, 60_000)
})
