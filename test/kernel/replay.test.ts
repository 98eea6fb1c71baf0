import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadIptablesSave } from '../../src/language/iptables/load.js'
import { loadNft } from '../../src/language/nft/load.js'
import { replay } from '../../src/replay/replay.js'
import type { Ruleset } from '../../src/ruleset/model.js'
import { needs } from '../sandbox/needs.js'
import { eventually } from '../sandbox/processes.js'
import { CLIENT, execute, makeHosts, removeHosts, SERVER, serve, start } from './support/namespaces.js'

/** Connections that are served, refused by nobody, dropped, rejected; too many of them; datagrams; pings. */
const TRAFFIC = [SERVER.ipv4, SERVER.ipv6]
  .flatMap((address) => {
    const connect = (port: number) => `timeout 0.3 bash -c 'exec 3<>/dev/tcp/${address}/${port}'`
    return [
      `for i in $(seq 10); do timeout 0.3 bash -c 'echo question >/dev/tcp/${address}/11434'; done`,
      ...[22, 23, 80].map(connect),
      `for i in $(seq 5); do ${connect(8080)}; done`,
      `for port in 53 54; do echo hello >/dev/udp/${address}/$port; done`,
      `ping -c 5 -i 0.01 -W 0.3 ${address}`,
    ]
  })
  .join('\n')

/** Of IPv4, and with other words of IPv6; whatever the network itself has to say comes last. */
const iptables = (icmp: string, ping: string, unreachable: string) => `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -m conntrack --ctstate INVALID -j DROP
-A INPUT -p tcp --dport 8080 -m recent --name web --update --seconds 600 --hitcount 3 -j DROP
-A INPUT -p tcp --dport 8080 -m recent --name web --set -j ACCEPT
-A INPUT -p tcp --dport 11434 -m conntrack --ctstate NEW -m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 7 --hashlimit-mode srcip --hashlimit-name ollama -j ACCEPT
-A INPUT -p tcp --dport 23 -j REJECT --reject-with tcp-reset
-A INPUT -p tcp --dport 80 -j ACCEPT
-A INPUT -p udp --dport 53 -j ACCEPT
-A INPUT -p ${icmp} ${ping} -m limit --limit 1/hour --limit-burst 2 -j ACCEPT
-A INPUT -p tcp -j DROP
-A INPUT -p udp -j DROP
-A INPUT -p ${icmp} ${ping} -j DROP
-A INPUT -j ACCEPT
-A OUTPUT -p tcp --tcp-flags RST RST -j ACCEPT
-A OUTPUT -p ${icmp} ${unreachable} -j ACCEPT
-A OUTPUT -p tcp -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A OUTPUT -p ${icmp} -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A OUTPUT -j ACCEPT
COMMIT
`
const IPTABLES = {
  iptables: iptables('icmp', '--icmp-type 8', '--icmp-type 3'),
  ip6tables: iptables('icmpv6', '--icmpv6-type 128', '--icmpv6-type 1'),
}

const NFT = `table inet filter {
  set seen { type ipv4_addr; flags dynamic; timeout 1h; size 128; }
  set seen6 { type ipv6_addr; flags dynamic; timeout 1h; size 128; }
  chain input {
    type filter hook input priority 0; policy drop;
    ct state vmap { established : jump living, related : jump living, invalid : drop }
    tcp dport 11434 ct state new update @seen { ip saddr limit rate over 1/hour burst 7 packets } counter drop
    tcp dport 11434 ct state new update @seen6 { ip6 saddr limit rate over 1/hour burst 7 packets } counter drop
    tcp dport { 11434, 80 } counter accept
    tcp dport 8080 counter reject with tcp reset
    tcp dport 23 counter reject
    udp dport 53 counter accept
    icmp type echo-request limit rate 1/hour burst 2 packets counter accept
    icmpv6 type echo-request limit rate 1/hour burst 2 packets counter accept
    meta l4proto { tcp, udp } counter drop
    icmp type echo-request counter drop
    icmpv6 type echo-request counter drop
    accept
  }
  chain living { counter accept; }
  chain output {
    type filter hook output priority 0; policy drop;
    tcp flags & rst == rst accept
    meta l4proto { icmp, ipv6-icmp } ct state new,related,invalid,untracked accept
    meta l4proto { tcp, udp } ct state established counter accept
    meta l4proto { icmp, ipv6-icmp } ct state established counter accept
    accept
  }
}
`

/** Packets and bytes by place of the rule. */
type Counts = Record<string, string>

needs('iptables', 'nft')('what the kernel said to a conversation', () => {
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-replay-'))
    makeHosts()
    await serve(SERVER, 11_434)
    // The first packets of neighbours, so that nobody has to wait later.
    for (const address of [SERVER.ipv4, SERVER.ipv6]) execute(CLIENT, 'ping', '-c', '1', address)
  })
  afterAll(async () => {
    await removeHosts()
    rmSync(folder, { recursive: true })
  })

  /** Captures the traffic at the server's link, where all that arrives is seen, and all that leaves. */
  async function capture(name: string): Promise<string> {
    const file = join(folder, name)
    const args = ['-Z', 'root', '--immediate-mode', '-U', '-s', '500', '-i', 'eth0', '-w', file]
    const tcpdump = start(SERVER, 'tcpdump', ...args)
    const ended = once(tcpdump, 'exit')
    let said = ''
    tcpdump.stderr!.on('data', (chunk) => {
      said += chunk
    })
    expect(await eventually(() => said.includes('listening on'))).toBe(true)
    execute(CLIENT, 'bash', '-c', TRAFFIC)
    // Connections end by themselves; the capture is read by then.
    await sleep(700)
    tcpdump.kill('SIGINT')
    await ended
    return file
  }

  /** Counts of ours for the rules that the kernel has counts of. */
  async function ours(file: string, ruleset: Ruleset, kernel: Counts): Promise<Counts> {
    const { deciders } = await replay([file], ruleset, { local: [`${SERVER.ipv4}/16`, `${SERVER.ipv6}/48`] })
    const counts = Object.fromEntries(Object.keys(kernel).map((place) => [place, '0 0']))
    for (const { place = '', packets, bytes } of deciders)
      if (place in counts) counts[place] = `${packets} ${bytes}`
    return counts
  }

  test('under iptables, rule by rule', async () => {
    const programs = Object.entries(IPTABLES)
    for (const [program, rules] of programs) {
      writeFileSync(join(folder, program), rules)
      expect(execute(SERVER, `${program}-restore`, join(folder, program))).toEqual({ code: 0, output: '' })
    }
    const file = await capture('iptables.pcap')
    for (const [program, rules] of programs) {
      const lines = execute(SERVER, `${program}-save`, '-c', '-t', 'filter').output.match(
        /^\[\d+:\d+\] -A .*$/gm,
      )!
      const written = rules.split('\n').flatMap((line, i) => (line.startsWith('-A') ? [i + 1] : []))
      const kernel: Counts = {}
      for (const [i, line] of lines.entries()) {
        const [, packets, bytes] = /^\[(\d+):(\d+)\]/.exec(line)!
        // What the network says by itself may have come before the rules.
        if (!/-A (?:INPUT|OUTPUT) -j/.test(line)) kernel[`${program}:${written[i]}`] = `${packets} ${bytes}`
      }
      execute(SERVER, program, '-F')
      execute(SERVER, program, '-P', 'INPUT', 'ACCEPT')
      execute(SERVER, program, '-P', 'OUTPUT', 'ACCEPT')
      const family = program === 'iptables' ? 'ip' : 'ip6'
      const { ruleset } = loadIptablesSave(rules, program, { family })
      expect(await ours(file, ruleset, kernel)).toEqual(kernel)
      // Something of everything was there.
      expect(Object.values(kernel).filter((count) => count !== '0 0').length).toBeGreaterThan(10)
    }
  }, 60_000)

  test('under nft, rule by rule', async () => {
    writeFileSync(join(folder, 'rules.nft'), NFT)
    expect(execute(SERVER, 'nft', '-f', join(folder, 'rules.nft'))).toEqual({ code: 0, output: '' })
    const file = await capture('nft.pcap')
    const listed = execute(SERVER, 'nft', 'list', 'ruleset').output
    const counters = [...listed.matchAll(/counter packets (\d+) bytes (\d+)/g)]
    const written = NFT.split('\n').flatMap((line, i) => (line.includes(' counter ') ? [i + 1] : []))
    expect(counters.length).toBe(written.length)
    const kernel = Object.fromEntries(
      written.map((line, i) => [`rules.nft:${line}`, `${counters[i]![1]} ${counters[i]![2]}`]),
    )
    expect(await ours(file, loadNft(NFT, 'rules.nft').ruleset, kernel)).toEqual(kernel)
    expect(Object.values(kernel).filter((count) => count !== '0 0').length).toBeGreaterThan(8)
  }, 60_000)
})
