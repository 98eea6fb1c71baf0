import { describe, expect, test } from 'vitest'
import { loadIptables } from '../../../src/language/iptables/load.js'
import { importAsNft } from '../../../src/language/iptables/nft.js'
import { parseNft } from '../../../src/language/nft/load.js'

function imported(...rules: string[]) {
  const text = rules.map((rule) => `${rule.includes('tables') ? '' : 'iptables -A INPUT '}${rule}`).join('\n')
  const { text: nft, lost } = importAsNft(loadIptables(text, 'fw.sh').ruleset, text)
  expect(() => parseNft(nft, 'imported')).not.toThrow()
  return { lines: nft.split('\n').map((line) => line.trim()), lost }
}

/** The rules alone, without remarks and counters. */
function said(...rules: string[]): string[] {
  const { lines } = imported(...rules)
  return lines
    .filter((line) => line.includes('counter'))
    .map((line) => line.replace(/ ?counter ?/, ' ').trim())
}

describe('rules of iptables as text of nft', () => {
  test('each has the line that it comes from, over all of its lines', () => {
    const { lines } = imported('iptables -A INPUT -p tcp \\\n  --dport 22 -j ACCEPT # home')
    expect(lines).toContain('# fw.sh:1: iptables -A INPUT -p tcp --dport 22 -j ACCEPT # home')
    expect(lines).toContain('tcp dport 22 counter accept')
  })

  test.each([
    ['-m state --state NEW,ESTABLISHED', 'ct state established,new'],
    ['-m conntrack ! --ctstate INVALID', 'ct state ! invalid'],
    ['-m conntrack --ctstate DNAT', 'ct status dnat'],
    [
      '-p tcp -m conntrack --ctorigdst 10.0.0.0/8 --ctorigdstport 80:90',
      'meta l4proto tcp ct original ip daddr & 255.0.0.0 == 10.0.0.0 ct original proto-dst 80-90',
    ],
    ['-p tcp -m multiport --dports 443,80,70:81', 'tcp dport { 70-81, 443 }'],
    ['-p udp -m multiport ! --ports 53', 'udp sport != { 53 } udp dport != { 53 }'],
    ['-p udp -m multiport --ports 53', 'udp sport . udp dport { 53 . 0-65535, 0-52 . 53, 54-65535 . 53 }'],
    ['-m iprange ! --src-range 10.0.0.1-10.0.0.9', 'ip saddr != 10.0.0.1-10.0.0.9'],
    ['-m mark --mark 1/0xf', 'meta mark & 0x0000000f == 0x00000001'],
    ['-m connmark ! --mark 1', 'ct mark != 0x00000001'],
    ['-m ttl --ttl-lt 5', 'ip ttl < 5'],
    ['-m length --length 100:200', 'meta length 100-200'],
    ['-m pkttype --pkt-type broadcast', 'meta pkttype broadcast'],
    ['-m addrtype ! --dst-type LOCAL', 'fib daddr type != local'],
    ['-m dscp --dscp 8', 'ip dscp cs1'],
    ['-p icmp --icmp-type 3/4', 'icmp type destination-unreachable icmp code frag-needed'],
    ['-p icmp --icmp-type any', 'meta l4proto icmp'],
    ['-p tcp -m tcp ! --syn', 'tcp flags != syn / fin,syn,rst,ack'],
    ['-p tcp --tcp-flags SYN,ACK NONE', 'tcp flags ! syn,ack'],
    ['-p tcp ! --tcp-flags SYN NONE', 'tcp flags syn'],
    ['-p tcp --tcp-flags NONE NONE', 'meta l4proto tcp'],
    ['-p esp --espspi 5', 'esp spi 5'],
    [
      '-m mark --mark 1 -j MARK --or-mark 0x10',
      'meta mark 0x00000001 meta mark set meta mark & 0xffffffef | 0x00000010',
    ],
    ['-j REJECT --reject-with icmp-host-prohibited', 'reject with icmp host-prohibited'],
  ])('%s', (rule, nft) => {
    expect(said(rule)).toEqual([nft])
  })

  test('what nft cannot say is named with its line and meaning, and stands as a remark', () => {
    const { lines, lost } = imported(
      '-m recent --set',
      '-m string --algo bm --string x -j DROP',
      '-m conntrack --ctstate NEW,SNAT -j DROP',
      'iptables -t mangle -A FORWARD -j TTL --ttl-set 5',
      '-j ACCEPT',
    )
    expect(lost.map(({ position, message }) => [position.line, message])).toEqual([
      [1, expect.stringContaining('-m recent: it remembers addresses')],
      [2, expect.stringContaining('-m string: it looks for text')],
      [3, 'nft has no word for -m conntrack as it is used here'],
      [4, 'nft has no word for -j TTL'],
    ])
    expect(lines.filter((line) => line.startsWith('# NOT IMPORTED'))).toHaveLength(4)
    expect(lines).toContain('counter accept')
  })
})
