import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LanguageError } from '../../../src/language/diagnostic.js'
import type { Backend } from '../../../src/language/iptables/extensions/extension.js'
import { loadIptables } from '../../../src/language/iptables/load.js'
import { printIptables } from '../../../src/language/iptables/print/print.js'
import type { Statement } from '../../../src/ruleset/model.js'

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

/** Rules, and how iptables prints them, where that is not as they were written. */
const OUTPUT4: readonly (readonly [string, string?])[] = [
  ['-s 10.1.2.3/8 -d 10.9', '-s 10.0.0.0/8 -d 10.9.0.0/32'],
  ['! -s 10.0.0.0/255.0.255.0'],
  ['-o eth+', '-o eth+'],
  ['! -o +'],
  ['-f'],
  ['! -f'],
  ['-p 17', '-p udp'],
  ['! -p tcp'],
  ['-p TCP --dport ssh', '-p tcp -m tcp --dport 22'],
  ['-p tcp --sport 1024: ! --dport 0x50:90', '-p tcp -m tcp --sport 1024:65535 ! --dport 80:90'],
  ['-p tcp ! --syn', '-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN'],
  ['-p tcp --tcp-flags all none', '-p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE'],
  ['-p tcp -m tcp --tcp-option 8'],
  ['-p tcp -m tcp'],
  ['-p udp -m udp --sport 53 --dport 1024:65535'],
  ['-p icmp --icmp-type ping', '-p icmp -m icmp --icmp-type 8'],
  ['-p icmp -m icmp ! --icmp-type 3/4'],
  ['-p icmp -m icmp --icmp-type 255', '-p icmp -m icmp --icmp-type any'],
  ['-p sctp --chunk-types any DATA:uB,INIT', '-p sctp -m sctp --chunk-types any DATA:uB,INIT'],
  ['-p sctp -m sctp --sport 5 ! --chunk-types only ALL'],
  ['-p dccp -m dccp --dport 5 ! --dccp-types REQUEST,RESPONSE'],
  ['-p esp -m esp --espspi 7:9'],
  ['-p ah -m ah ! --ahspi 7'],
  ['-p ipcomp -m ipcomp --ipcompspi 7 --compres'],
  ['-m state --state new,EST', '-m state --state NEW,ESTABLISHED'],
  [
    '-m conntrack ! --ctstate INVALID,SNAT --ctproto udp',
    '-m conntrack ! --ctstate INVALID,SNAT --ctproto 17',
  ],
  ['-m conntrack --ctorigsrc 10.0.0.0/8 ! --ctrepldst 10.0.0.1 --ctorigdstport 80:90 --ctdir REPLY'],
  [
    '-m conntrack --ctstatus NONE,ASSURED --ctexpire 5:',
    '-m conntrack --ctstatus ASSURED --ctexpire 5:4294967295',
  ],
  ['-m mark --mark 5', '-m mark --mark 0x5'],
  ['-m connmark ! --mark 0x5/0xff'],
  ['-m connbytes --connbytes 10 --connbytes-mode bytes --connbytes-dir both'],
  ['-m connlabel ! --label 7 --set'],
  [
    '-m connlimit ! --connlimit-above 3',
    '-m connlimit --connlimit-upto 3 --connlimit-mask 32 --connlimit-saddr',
  ],
  [
    '-m connlimit --connlimit-above 3 --connlimit-mask 255.255.255.0 --connlimit-daddr',
    '-m connlimit --connlimit-above 3 --connlimit-mask 24 --connlimit-daddr',
  ],
  ['-m helper --helper ftp'],
  ['-m recent --set', '-m recent --set --name DEFAULT --mask 255.255.255.255 --rsource'],
  ['-m recent ! --update --seconds 60 --reap --hitcount 4 --rttl --name bad --mask 255.255.255.0 --rdest'],
  ['-m limit', '-m limit --limit 3/hour'],
  ['-m limit --limit 120/m --limit-burst 9', '-m limit --limit 2/sec --limit-burst 9'],
  [
    '-m hashlimit --hashlimit 5/min --hashlimit-name a --hashlimit-mode dstport,srcip',
    '-m hashlimit --hashlimit-upto 5/min --hashlimit-burst 5 --hashlimit-mode srcip,dstport --hashlimit-name a',
  ],
  ['-m hashlimit --hashlimit-above 512kb/s --hashlimit-burst 1mb --hashlimit-name a --hashlimit-srcmask 24'],
  ['-m quota ! --quota 5000'],
  ['-m statistic --mode nth ! --every 5 --packet 2'],
  ['-m statistic --mode random --probability .5', '-m statistic --mode random --probability 0.50000000000'],
  ['-p tcp -m multiport ! --dports 80,ssh,1000:2000', '-p tcp -m multiport ! --dports 80,22,1000:2000'],
  [
    '-m iprange --src-range 10.0.0.1-10.0.0.9 ! --dst-range 10.0.0.1-10.0.0.1',
    '-m iprange --src-range 10.0.0.1-10.0.0.9 ! --dst-range 10.0.0.1-10.0.0.1',
  ],
  [
    '-m addrtype --src-type local,UNICAST ! --dst-type MULTICAST --limit-iface-out',
    '-m addrtype --src-type UNICAST,LOCAL ! --dst-type MULTICAST --limit-iface-out',
  ],
  ['-m length --length :100', '-m length --length 0:100'],
  ['-m ttl --ttl 5', '-m ttl --ttl-eq 5'],
  ['-m pkttype ! --pkt-type HOST', '-m pkttype ! --pkt-type unicast'],
  ['-m dscp --dscp-class ef', '-m dscp --dscp 0x2e'],
  ['-m tos ! --tos Minimize-Delay', '-m tos ! --tos 0x10/0x3f'],
  ['-p tcp -m ecn ! --ecn-tcp-ece --ecn-tcp-cwr --ecn-ip-ect 2'],
  ['-p tcp -m tcpmss --mss 500:600'],
  [
    `-m string --string 'a "b" \\c' --algo bm --to 100 --icase`,
    '-m string --string "a \\"b\\" \\\\c" --algo bm --to 100 --icase',
  ],
  [`-m string --hex-string '|00 0d0A|x' --algo kmp`, '-m string --hex-string "|000d0a78|" --algo kmp'],
  [
    `-m u32 --u32 '6 & 0xFF = 1 && 0>>22&0x3C@8=5:7,9'`,
    '-m u32 --u32 "0x6&0xff=0x1&&0x0>>0x16&0x3c@0x8=0x5:0x7,0x9"',
  ],
  [
    '-m time --timestart 9:00 --timestop 17:30 ! --weekdays Sat,Sun',
    '-m time --timestart 09:00:00 --timestop 17:30:00 --weekdays Mon,Tue,Wed,Thu,Fri --datestop 2038-01-19T03:14:07',
  ],
  [
    '-m time --monthdays 1,31 --datestart 2030-02 --kerneltz',
    '-m time --monthdays 1,31 --datestart 2030-02-01T00:00:00 --datestop 2038-01-19T03:14:07 --kerneltz',
  ],
  [
    '-m owner --uid-owner root ! --gid-owner 5-9 --suppl-groups',
    '-m owner --uid-owner 0 ! --gid-owner 5-9 --suppl-groups',
  ],
  ['-m cpu ! --cpu 3'],
  ['-m realm --realm 5/7', '-m realm --realm 0x5/0x7'],
  ['-m devgroup --dst-group 5', '-m devgroup --dst-group 0x5'],
  ['-m policy --dir out --pol ipsec --proto esp --mode tunnel --tunnel-src 10.0.0.1'],
  ['-m bpf --bytecode "1,6 0 0 0"'],
  ['-m cgroup ! --cgroup 5'],
  ['-j ACCEPT'],
  ['-j REJECT', '-j REJECT --reject-with icmp-port-unreachable'],
  ['-j REJECT --reject-with host-prohib', '-j REJECT --reject-with icmp-host-prohibited'],
  ['-p tcp -j REJECT --reject-with tcp-reset'],
  [
    '-j LOG --log-level error --log-uid --log-prefix "a b"',
    '-j LOG --log-prefix "a b" --log-level 3 --log-uid',
  ],
  [
    '-j NFLOG --nflog-size 60 --nflog-group 5 --nflog-range 5 --nflog-threshold 3',
    '-j NFLOG --nflog-group 5 --nflog-size 60 --nflog-threshold 3',
  ],
  ['-j MARK --set-mark 5', '-j MARK --set-xmark 0x5/0xffffffff'],
  ['-j MARK --set-mark 5/3', '-j MARK --set-xmark 0x5/0x7'],
  ['-j MARK --set-xmark 0x5/0x3'],
  ['-j MARK --and-mark 0xf0', '-j MARK --set-xmark 0x0/0xffffff0f'],
  ['-j MARK --or-mark 0xf0', '-j MARK --set-xmark 0xf0/0xf0'],
  ['-j MARK --xor-mark 0xf0', '-j MARK --set-xmark 0xf0/0x0'],
  ['-j CONNMARK --set-mark 1/1', '-j CONNMARK --set-xmark 0x1/0x1'],
  ['-j CONNMARK --save-mark --mask 0xff', '-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff'],
  ['-j CONNMARK --restore-mark', '-j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff'],
  ['-j NFQUEUE --queue-bypass --queue-balance 1:3', '-j NFQUEUE --queue-balance 1:3 --queue-bypass'],
  ['-m comment --comment "why not" -j DROP'],
  ['-j IDLETIMER --timeout 5 --label x'],
]

const OUTPUT6: readonly (readonly [string, string?])[] = [
  ['-s fe80::/10 ! -d ::1', '-s fe80::/10 ! -d ::1/128'],
  ['-p icmpv6 --icmpv6-type neighbor-solicitation', '-p ipv6-icmp -m icmp6 --icmpv6-type 135'],
  ['-m hl --hl-gt 5'],
  ['-m frag ! --fragid 5 --fragfirst --fragmore'],
  ['-m hbh --hbh-len 8 --hbh-opts 5:3,7'],
  ['-m dst ! --dst-len 8'],
  ['-m rt --rt-type 0 --rt-segsleft 1:3 --rt-0-addrs fe80::1,fe80::2 --rt-0-not-strict'],
  ['-m srh ! --srh-next-hdr 17 --srh-segs-left-gt 1 --srh-tag 5 --srh-psid fd00::/8'],
  ['-p mh --mh-type hoti:cot', '-p mobility-header -m mh --mh-type 1:4'],
  ['-m ipv6header --header auth,hop --soft', '-m ipv6header --header hop-by-hop,ah --soft'],
  ['-m ah --ahspi 5 ! --ahlen 12 --ahres'],
  ['-j REJECT --reject-with no-route', '-j REJECT --reject-with icmp6-no-route'],
]

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
    ['-m set --match-set x src', /the ipset x is not in this file/],
    ['-m rateest --rateest a --rateest-lt', /rateest compares/],
    ['-j MARK', /MARK needs --set-xmark or/],
    ['-j MARK --set-mark 4294967296', /out of range/],
    ['-j LOG --log-level 8', /8 is out of range: 0 to 7/],
    ['-j LOG --log-prefix 123456789012345678901234567890', /at most 29 letters/],
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
