/** Rulesets of iptables and ip6tables, as their restore commands read them: of filter, mangle and raw, with users' chains. */
import fc from 'fast-check'
import { connection, hostMatch, type XtablesFamily, xtablesRule } from '../../support/xtables-arbitrary.js'
import { matchText, ruleText } from '../../support/xtables-text.js'

interface Place {
  readonly chain: string
  /** Users' chains that rules may go to. */
  readonly targets: readonly string[]
  /** What a table is there for. */
  readonly changes: readonly string[]
  /** Packets there have been sent by a socket. */
  readonly owned?: true
}

const REJECTS = {
  ip: ['icmp-port-unreachable', 'icmp-host-unreachable', 'icmp-admin-prohibited', 'icmp-net-prohibited'],
  ip6: ['icmp6-port-unreachable', 'icmp6-adm-prohibited', 'icmp6-addr-unreachable'],
} as const
const ENDS = ['-j ACCEPT', '-j ACCEPT', '-j DROP', '-j RETURN', '', '-j LOG --log-prefix seen']
const FILTER = ['-j NFLOG --nflog-group 3']
const MANGLE = [
  '-j MARK --set-mark 0x5',
  '-j MARK --set-xmark 0x10/0xf0',
  '-j MARK --or-mark 0x100',
  '-j CONNMARK --save-mark',
  '-j CONNMARK --restore-mark',
  '-j CONNMARK --set-mark 0x3/0xf',
]
const RAW = ['-j NOTRACK', '-j CT --notrack', '-j MARK --set-mark 0x1']

const TABLES: Readonly<Record<string, readonly Place[]>> = {
  raw: [
    { chain: 'PREROUTING', targets: [], changes: RAW },
    { chain: 'OUTPUT', targets: [], changes: RAW, owned: true },
  ],
  mangle: [
    { chain: 'PREROUTING', targets: [], changes: MANGLE },
    { chain: 'FORWARD', targets: [], changes: MANGLE },
    { chain: 'POSTROUTING', targets: [], changes: MANGLE },
  ],
  filter: [
    { chain: 'INPUT', targets: ['one', 'two'], changes: FILTER },
    { chain: 'FORWARD', targets: ['one', 'two'], changes: FILTER },
    { chain: 'OUTPUT', targets: ['one', 'two'], changes: FILTER, owned: true },
    { chain: 'one', targets: ['two'], changes: FILTER },
    { chain: 'two', targets: [], changes: FILTER },
  ],
}
const MOST_RULES = 5

/** What people write, about the hosts and ports that talk here. */
const ADDRESSES = {
  ip: ['10.0.0.0/24', '10.0.0.3', '10.1.0.4/31', '10.0.0.0/8', '0.0.0.0/0'],
  ip6: ['fd00::/64', 'fd00::3', 'fd00:1::4/127', 'fd00::/16', '::/0'],
} as const
const PORT_OPTIONS = ['--dport 22', '--dport 80:443', '! --dport 443', '--sport 1024:65535', '--dport 11434']
const COMMON = [
  '-m conntrack --ctstate RELATED,ESTABLISHED',
  '-m conntrack --ctstate INVALID',
  '-m state --state NEW',
  '-m recent --name web --set',
  '-m recent --name web --update --seconds 60 --hitcount 3',
  '-m recent --name web --rcheck --seconds 1 --hitcount 2',
  '-m limit --limit 2/sec --limit-burst 3',
  '-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 2 --hashlimit-mode srcip --hashlimit-name hosts',
  '-m hashlimit --hashlimit-above 2/min --hashlimit-burst 3 --hashlimit-mode srcip,dstport --hashlimit-name ports',
  '-m connlimit --connlimit-above 2 --connlimit-saddr',
  '-m connlimit --connlimit-upto 3 --connlimit-daddr',
  '-m mark --mark 0x5',
  '-m connmark ! --mark 0x0',
  '-m addrtype --dst-type LOCAL',
  '-m length --length 0:100',
  '-m comment --comment seen',
]
const TRANSPORT = [
  '-m multiport --dports 22,80,443',
  '-m multiport ! --ports 1024:65535',
  '-m tcp --tcp-flags SYN,RST,ACK SYN',
  '-m tcp ! --syn',
  '-m tcp --tcp-option 2',
]

/**
 * What nobody outside the host can tell: which processor, which realm, which helper, which bridge port; and when its work
 * queues come round to collecting what has expired.
 */
const UNTOLD =
  /-m (?:cpu|realm|helper|physdev|devgroup|mac|set|quota|other)|--mode random|--hashlimit-htable-(?:expire|gcinterval)/
/** What the restore commands refuse: dates and times of `time` that only the kernel takes. */
const UNREAD = /--contiguous|2106-/

function rule(family: XtablesFamily, table: string, place: Place): fc.Arbitrary<string> {
  const more = fc.oneof(
    { weight: 2, arbitrary: connection(family) },
    hostMatch(family).filter(
      (match) =>
        (match.name !== 'owner' || place.owned === true) &&
        (match.name !== 'addrtype' || match.limitInterface === undefined),
    ),
  )
  return xtablesRule(family)
    .chain(({ protocol, matches }) =>
      fc.record({
        protocol: fc.constant(protocol),
        text: fc.option(more, { nil: undefined, freq: 2 }).map((one) => {
          const words = ruleText({ protocol, matches }, family)
          return one === undefined ? words : `${words} ${matchText(one, family)}`
        }),
        end: endOf(family, table, place, protocol),
      }),
    )
    .filter(({ text }) => !UNTOLD.test(text) && !UNREAD.test(text))
    .map(({ text, end }) => `-A ${place.chain} ${text} ${end}`.trimEnd())
}

function commonRule(family: XtablesFamily, table: string, place: Place): fc.Arbitrary<string> {
  const some = (list: readonly string[]) => fc.option(fc.constantFrom(...list), { nil: '', freq: 1 })
  const addresses = fc.option(
    fc
      .tuple(fc.constantFrom('-s', '-d', '! -s'), fc.constantFrom(...ADDRESSES[family]))
      .filter(([side, address]) => !(side.startsWith('!') && address.endsWith('/0')))
      .map((words) => words.join(' ')),
    { nil: '', freq: 1 },
  )
  return fc
    .constantFrom(undefined, 6, 6, 17)
    .chain((protocol) =>
      fc
        .tuple(
          addresses,
          protocol === undefined ? fc.constant('') : some(PORT_OPTIONS),
          protocol === 6 ? some(TRANSPORT) : fc.constant(''),
          some(COMMON),
          endOf(family, table, place, protocol),
        )
        .map(([address, ports, transport, match, end]) =>
          [
            `-A ${place.chain}`,
            address,
            protocol === undefined ? '' : `-p ${protocol}`,
            ports,
            transport,
            match,
            end,
          ]
            .filter((words) => words !== '')
            .join(' '),
        ),
    )
}

function endOf(
  family: XtablesFamily,
  table: string,
  { targets, changes }: Place,
  protocol: number | undefined,
): fc.Arbitrary<string> {
  const jumps = targets.flatMap((target) => [`-j ${target}`, `-g ${target}`])
  const resets = protocol === 6 ? ['-j REJECT --reject-with tcp-reset'] : []
  const rejects = REJECTS[family].map((how) => `-j REJECT --reject-with ${how}`)
  return fc.constantFrom(
    ...ENDS,
    ...jumps,
    ...changes,
    ...(table === 'filter' ? [...rejects, ...resets] : []),
  )
}

function table(family: XtablesFamily, name: string): fc.Arbitrary<string> {
  const places = TABLES[name]!
  const policies = fc.tuple(...places.map(() => fc.constantFrom('ACCEPT', 'ACCEPT', 'DROP')))
  const chains = fc.tuple(
    ...places.map((place) =>
      fc.array(fc.oneof(rule(family, name, place), commonRule(family, name, place)), {
        maxLength: MOST_RULES,
      }),
    ),
  )
  return fc
    .tuple(policies, chains)
    .map(([policies, chains]) =>
      [
        `*${name}`,
        ...places.map(({ chain }, i) => `:${chain} ${/[a-z]/.test(chain) ? '-' : policies[i]} [0:0]`),
        ...chains.flat(),
        'COMMIT',
      ].join('\n'),
    )
}

/** Texts of iptables-save. */
export function iptablesRules(family: XtablesFamily): fc.Arbitrary<string> {
  const others = fc.subarray(['raw', 'mangle'])
  return others.chain((names) =>
    fc
      .tuple(...names.map((name) => table(family, name)), table(family, 'filter'))
      .map((all) => `${all.join('\n')}\n`),
  )
}
