import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Session } from '../../src/cli/judge/session.js'
import { addressOf, SETTINGS } from '../../src/cli/judge.js'
import { floorOf } from '../../src/floor/floor.js'
import { floorText, removalText } from '../../src/floor/text.js'
import { loadIptables } from '../../src/language/iptables/load.js'
import { parseNft } from '../../src/language/nft/load.js'
import { parsePolicy } from '../../src/language/policy/load.js'
import { FLOOR_MODES, type Ruleset } from '../../src/ruleset/model.js'
import { needs } from '../sandbox/needs.js'
import { Flag, icmp, Protocol, packet, tcp } from '../support/conversations/wire.js'
import { ADDRESSES, INTERFACES, isPacket } from './differential/case.js'
import { compileJudge, KernelJudge } from './differential/kernel-judge.js'

const LIMITED = parsePolicy(
  `also: [ping]
inbound:
  - deny: bad
    from: 10.0.0.66
  - allow: api
    port: tcp/11434
    from: [10.0.0.0/24, fd00::/64]
    limit: 3 per 2 seconds per source
  - allow: tries
    port: tcp/8080
    limit: { rate: 2 per second per source, strict: true }
  - allow: ssh
    port: tcp/22
    from: 10.0.0.5
outbound: []
`,
  'limited.yaml',
)
const CHAINS = parseNft(
  `table inet t {
  set seen { type ipv4_addr; flags dynamic,timeout; timeout 1m; size 2; }
  chain i {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    tcp dport vmap { 22 : jump admins, 8080 : accept, 11434 : jump slowly }
    icmp type echo-request limit rate 2/second burst 2 packets accept
  }
  chain admins { ip saddr 10.0.0.5 accept comment "admins"
    ip6 saddr fd00::66 drop }
  chain slowly { ip saddr @seen drop
    update @seen { ip saddr } accept }
}
`,
  'chains.nft',
)

const IPTABLES = loadIptables(
  `iptables -P INPUT DROP
iptables -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
iptables -A INPUT -p tcp --dport 11434 -m state --state NEW -m recent --set --name API
iptables -A INPUT -p tcp --dport 11434 -m state --state NEW -m recent --update --seconds 1 --hitcount 3 --name API -j DROP
iptables -A INPUT -p tcp -m multiport --dports 9,10 -j DROP
iptables -A INPUT -s 10.0.0.0/24 -j ACCEPT
ip6tables -P INPUT DROP
ip6tables -A INPUT -p tcp -m multiport --dports 22,8080 -j ACCEPT
ip6tables -A INPUT -p tcp -m hashlimit --hashlimit-upto 1/sec --hashlimit-name x -j ACCEPT
`,
  'rules.sh',
).ruleset

const V4 = ['10.0.0.5', '10.0.0.66', '10.0.0.99']
const V6 = ['fd00::5', 'fd00::66']

/** Connections from all sources to some ports, and pings, again and again. */
function lines(): string[] {
  const all: string[] = []
  const arrives = (bytes: Uint8Array) => all.push(`I eth0 ${Buffer.from(bytes).toString('hex')}`)
  let port = 20_000
  for (let round = 0; round < 5; round++) {
    for (const source of [...V4, ...V6]) {
      const destination = source.includes(':') ? 'fd00::1' : '10.0.0.1'
      for (const dport of [22, 8080, 11434, 11434, 9]) {
        const payload = tcp({ sport: port++, dport, seq: 1000, flags: Flag.syn })
        arrives(packet({ source, destination, protocol: Protocol.tcp, payload }))
      }
      // A header that is cut short.
      arrives(packet({ source, destination, protocol: Protocol.tcp, payload: new Uint8Array(2) }))
      if (!source.includes(':'))
        arrives(packet({ source, destination, protocol: Protocol.icmp, payload: icmp(8, 0, port++) }))
    }
    all.push(`W ${[0, 100, 700, 1100, 0][round]}`)
  }
  return all
}

/** Which packets the policy accepts when no others come. */
function policyAccepts(policy: Ruleset, packets: readonly { line: string; time: number }[], loaded: number) {
  const names = ['lo', ...INTERFACES]
  const settings = {
    ...SETTINGS,
    interfaces: names,
    addresses: ADDRESSES.map((one) => addressOf(one, names)),
  }
  const options = {
    settings,
    evaluator: 'reference',
    explain: false,
    seeds: [1, 2],
    random: () => 4,
  } as const
  const session = new Session(policy, { ...options, clock: { origin: 0n, timeZone: 'UTC' } }, loaded)
  return packets.map(({ line, time }) => {
    session.time = time
    const bytes = Buffer.from(line, 'latin1')
    return session.judge(bytes, 0, bytes.length)!.split(' ')[1]
  })
}

needs('judge')('the floor in the kernel', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-floor-'))
  let judge: KernelJudge
  beforeAll(() => {
    judge = new KernelJudge(compileJudge(folder), true)
  })
  afterAll(async () => {
    await judge.end()
    rmSync(folder, { recursive: true })
  })

  test.each([
    ['a policy', 'same', LIMITED],
    ['a policy', 'management', LIMITED],
    ['a policy', 'closed', LIMITED],
    ['a ruleset', 'same', CHAINS],
    ['a ruleset', 'management', CHAINS],
    ['iptables', 'same', IPTABLES],
  ] as const)('of %s, %s, accepts nothing that it would drop', async (name, mode, policy) => {
    const asked = lines()
    const rules = floorText(floorOf(policy, mode))
    const outcome = await judge.judge({ name, loader: 'nft', rules, lines: asked })
    if (!('answers' in outcome)) throw new Error(outcome.refused)
    const packets = asked.filter(isPacket)
    const accepted = outcome.answers.flatMap(({ verdict, time }, i) =>
      verdict === 'accept' ? [{ line: packets[i]!, time }] : [],
    )
    expect(accepted.length > 0).toBe(mode !== 'closed')
    expect(accepted.length).toBeLessThan(packets.length)
    expect(new Set(policyAccepts(policy, accepted, outcome.loaded))).toEqual(
      new Set(mode === 'closed' ? [] : ['accept']),
    )
  })

  test.each(FLOOR_MODES)(
    'of the example, %s, is loaded, again in place of itself, and taken down',
    (mode) => {
      const floor = floorOf(
        parsePolicy(readFileSync('examples/ai-server.yaml', 'utf8'), 'example.yaml'),
        mode,
      )
      const text = floorText(floor)
      writeFileSync(join(folder, 'floor.nft'), text)
      writeFileSync(join(folder, 'down.nft'), removalText(floor))
      const script =
        'nft -f floor.nft && nft -f floor.nft && nft list tables && nft -f down.nft && nft -f down.nft && nft list tables'
      const { stdout, stderr } = spawnSync('unshare', ['--net', 'sh', '-c', script], {
        encoding: 'utf8',
        cwd: folder,
      })
      expect(stderr).toBe('')
      expect(stdout.split('\n').filter((line) => line !== '')).toEqual(
        text.match(/^table .* \{$/gm)!.map((line) => line.slice(0, -2)),
      )
    },
  )

  test('is saved if the kernel takes it, and the last good one stays if not', () => {
    const main = join(process.cwd(), 'dist/src/cli/main.js')
    const save = (text: string) => {
      writeFileSync(join(folder, 'rules.nft'), text)
      const args = ['--net', process.execPath, main, 'export', '--floor', '--save', 'saved', 'rules.nft']
      return spawnSync('unshare', args, { encoding: 'utf8', cwd: folder })
    }
    const rule = (match: string) =>
      `table inet t {\n chain c { type filter hook input priority 0; ${match} accept; }\n}\n`
    expect(save(rule('tcp dport 22'))).toMatchObject({ status: 0, stdout: '', stderr: '' })
    const files = () =>
      readdirSync(join(folder, 'saved')).map((name) => readFileSync(join(folder, 'saved', name), 'utf8'))
    const before = files()
    expect(readdirSync(join(folder, 'saved'))).toEqual(['closed.nft', 'down.nft', 'floor.nft'])
    expect(before).toEqual([
      expect.stringContaining('type filter hook forward'),
      expect.not.stringContaining('chain'),
      expect.stringContaining('tcp dport 22 accept'),
    ])
    const helper = 'table inet t {\n ct helper h { type "none" protocol tcp; }\n}\n'
    const refused = save(helper)
    expect(refused.status).toBe(1)
    expect(refused.stderr).toContain('the last good one stays')
    expect(files()).toEqual(before)
  })
})
