/**
 * The rules that ufw brings along (its before and after files, as Debian installs them), for commands that come without
 * a folder: what they do, in the language of iptables.
 */
import type { IpFamily } from '../iptables/extensions/extension.js'

const V4_ERRORS = [3, 11, 12, 8]
const V6_ERRORS = [1, 2, 3, 4, 128]
const ECHO_REPLY = 129
/** Neighbour discovery and its kin: types that only count with a hop limit of 255. */
const NEIGHBOURS = { input: [133, 134, 135, 136, 141, 142], output: [133, 136, 135, 134, 141, 142] }
const CERTIFICATES = [148, 149]
const LISTENERS = [130, 131, 132, 143]
const ROUTERS = [151, 152, 153]
const LINK_LOCAL = 'fe80::/10'
const established = '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'

/** Rules as `CHAIN OPTIONS`, the chain without ufw's prefix. */
export function basicRules(family: IpFamily): readonly string[] {
  return family === 'ip' ? basics4() : basics6()
}

function invalid(): string[] {
  return [
    'before-input -m conntrack --ctstate INVALID -j logging-deny',
    'before-input -m conntrack --ctstate INVALID -j DROP',
  ]
}

function basics4(): string[] {
  const errors = (chain: string) => V4_ERRORS.map((type) => `${chain} -p icmp --icmp-type ${type} -j ACCEPT`)
  return [
    'before-input -i lo -j ACCEPT',
    'before-output -o lo -j ACCEPT',
    ...['input', 'output', 'forward'].map((way) => `before-${way} ${established}`),
    ...invalid(),
    ...errors('before-input'),
    ...errors('before-forward'),
    'before-input -p udp --sport 67 --dport 68 -j ACCEPT',
    'before-input -j not-local',
    ...['LOCAL', 'MULTICAST', 'BROADCAST'].map(
      (type) => `not-local -m addrtype --dst-type ${type} -j RETURN`,
    ),
    'not-local -m limit --limit 3/min --limit-burst 10 -j logging-deny',
    'not-local -j DROP',
    'before-input -p udp -d 224.0.0.251 --dport 5353 -j ACCEPT',
    'before-input -p udp -d 239.255.255.250 --dport 1900 -j ACCEPT',
    ...skipped([67, 68]),
    'after-input -m addrtype --dst-type BROADCAST -j skip-to-policy-input',
  ]
}

/** What is dropped without a line in the log: noise of local networks. */
function skipped(dhcp: readonly number[]): string[] {
  const ports = [
    ...[137, 138].map((port) => ['udp', port]),
    ...[139, 445].map((port) => ['tcp', port]),
    ...dhcp.map((port) => ['udp', port]),
  ]
  return ports.map(([protocol, port]) => `after-input -p ${protocol} --dport ${port} -j skip-to-policy-input`)
}

function basics6(): string[] {
  const type = (chain: string, from: string, number: number, rest = '') =>
    `before-${chain}${from} -p icmpv6 --icmpv6-type ${number}${rest} -j ACCEPT`
  const link = ` -s ${LINK_LOCAL}`
  const near = ' -m hl --hl-eq 255'
  const local = (chain: 'input' | 'output') => [
    ...NEIGHBOURS[chain].map((number) => type(chain, '', number, near)),
    ...LISTENERS.map((number) => type(chain, link, number)),
    ...CERTIFICATES.map((number) => type(chain, '', number, near)),
    ...ROUTERS.map((number) => type(chain, link, number, ' -m hl --hl-eq 1')),
  ]
  return [
    'before-input -i lo -j ACCEPT',
    'before-output -o lo -j ACCEPT',
    ...['input', 'forward', 'output'].map((way) => `before-${way} -m rt --rt-type 0 -j DROP`),
    ...['input', 'output', 'forward'].map((way) => `before-${way} ${established}`),
    type('input', '', ECHO_REPLY),
    ...invalid(),
    ...['input', 'output', 'forward'].flatMap((way) => V6_ERRORS.map((number) => type(way, '', number))),
    ...['output', 'forward'].map((way) => type(way, '', ECHO_REPLY)),
    ...local('input'),
    ...local('output'),
    // Mobile IPv6 (RFC 6275 §6).
    ...[144, 145, 146, 147].map((number) => type('input', '', number)),
    `before-input -p udp -s ${LINK_LOCAL} --sport 547 -d ${LINK_LOCAL} --dport 546 -j ACCEPT`,
    'before-input -p udp -d ff02::fb --dport 5353 -j ACCEPT',
    'before-input -p udp -d ff02::f --dport 1900 -j ACCEPT',
    ...skipped([546, 547]),
  ]
}
