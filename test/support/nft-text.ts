/** Random texts of nft's language: what people write, in all its forms, with the odd corners. */
import fc from 'fast-check'

const number = (max: number) => fc.integer({ min: 0, max }).map(String)
const oneOf = (...values: string[]) => fc.constantFrom(...values)

const ipv4 = fc
  .tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 1, max: 254 })))
  .map((parts) => parts.join('.'))
const ipv6 = fc
  .tuple(fc.integer({ min: 1, max: 65535 }), fc.integer({ min: 0, max: 65535 }))
  .map(([a, b]) => `fd00:${a.toString(16)}::${b.toString(16)}`)
const port = fc.oneof(number(65535), oneOf('ssh', 'https', 'domain'))
const mark = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((value) => `0x${value.toString(16)}`)

interface Field {
  /** Families of tables that it may stand in. */
  readonly families: readonly string[]
  readonly text: string
  readonly value: fc.Arbitrary<string>
  /** Its values have an order. */
  readonly ordered?: boolean
  readonly prefix?: number
}

const ALL = ['ip', 'ip6', 'inet']
const V4 = ['ip', 'inet']
const V6 = ['ip6', 'inet']
const field = (
  families: readonly string[],
  text: string,
  value: fc.Arbitrary<string>,
  ordered = true,
): Field => ({
  families,
  text,
  value,
  ordered,
})

/** One for each of the kinds of fields that there are. */
export const FIELDS: readonly Field[] = [
  { ...field(V4, 'ip saddr', ipv4), prefix: 32 },
  { ...field(V4, 'ip daddr', ipv4), prefix: 32 },
  { ...field(V6, 'ip6 saddr', ipv6), prefix: 128 },
  field(V4, 'ip ttl', number(255)),
  field(V4, 'ip length', number(65535)),
  field(V4, 'ip dscp', oneOf('cs1', 'ef', 'af21', '0x0b'), false),
  field(V6, 'ip6 hoplimit', number(255)),
  field(V6, 'ip6 flowlabel', number(2 ** 20 - 1)),
  field(ALL, 'tcp dport', port),
  field(ALL, 'tcp sequence', number(2 ** 32 - 1)),
  field(ALL, 'udp sport', port),
  field(ALL, 'th dport', port),
  field(ALL, 'sctp vtag', number(2 ** 32 - 1)),
  field(V4, 'icmp type', oneOf('echo-request', 'echo-reply', 'time-exceeded', '42'), false),
  field(V6, 'icmpv6 type', oneOf('echo-request', 'nd-neighbor-solicit', 'packet-too-big'), false),
  field(ALL, 'meta l4proto', oneOf('tcp', 'udp', '253'), false),
  field(ALL, 'meta mark', mark),
  field(ALL, 'meta length', number(65535)),
  field(ALL, 'meta pkttype', oneOf('host', 'broadcast', 'multicast'), false),
  field(ALL, 'iifname', oneOf('"eth0"', '"lo"', '"wlan1"'), false),
  field(ALL, 'meta skuid', oneOf('root', '1000', '65534'), false),
  field(ALL, 'ct mark', mark),
  field(ALL, 'ct direction', oneOf('original', 'reply'), false),
  field(ALL, 'ct expiration', oneOf('30s', '2m', '1h30m')),
  field(ALL, 'ct original packets', number(100_000)),
  field(ALL, 'tcp option maxseg size', number(65535)),
  field(ALL, '@th,256,16', number(65535)),
]

function value({ value, prefix }: Field): fc.Arbitrary<string> {
  if (prefix === undefined) return value
  return fc.oneof(
    value,
    fc.tuple(value, fc.integer({ min: 1, max: prefix })).map(([base, length]) => `${base}/${length}`),
  )
}

function fieldMatch(one: Field): fc.Arbitrary<string> {
  const several = fc.uniqueArray(one.value, { minLength: 1, maxLength: 5 })
  return fc.oneof(
    value(one).map((text) => `${one.text} ${text}`),
    value(one).map((text) => `${one.text} != ${text}`),
    several.map((texts) => `${one.text} { ${texts.join(', ')} }`),
    several.map((texts) => `${one.text} != { ${texts.join(',')} }`),
    ...(one.ordered && one.prefix === undefined ? [one.value.map((text) => `${one.text} >= ${text}`)] : []),
  )
}

const flags = (text: string, names: readonly string[]) => {
  const some = fc.subarray([...names], { minLength: 1, maxLength: 3 })
  return fc.oneof(
    some.map((bits) => `${text} ${bits.join(',')}`),
    some.map((bits) => `${text} { ${bits.join(', ')} }`),
    some.map((bits) => `${text} & (${bits.join(' | ')}) == ${bits[0]}`),
    some.map((bits) => `${text} ! ${bits.join(',')}`),
    fc.constant(`${text} == ${names[0]}`),
    fc.constant(`${text} != ${names[0]}`),
  )
}

const masks = oneOf(
  'meta mark & 0xff == 0x12',
  'ct mark | 0x3 != 0x1',
  'ct mark xor 0x5 == 0x9',
  'tcp flags fin,syn / fin,syn,rst',
  'tcp flags & syn != 0',
  'meta mark and 0xffff0000 != 0x10000',
)

const concatenations = oneOf(
  'iifname . tcp dport { "eth0" . 22, "lo" . 80 }',
  'meta mark . tcp dport { 0x1-0x5 . 80-90, 0x10 . 100 }',
  'ct state . ct mark { new . 0x12, established . 0x34 }',
  'meta l4proto . th dport vmap { tcp . 22 : accept, udp . 53 : drop }',
)

const stateful = oneOf(
  'counter',
  'limit rate 10/minute',
  'limit rate over 5/second burst 7 packets',
  'limit rate 10 kbytes/second burst 2 mbytes',
  'quota over 25 mbytes',
  'log prefix "dropped: " level info',
  'log group 2 snaplen 64',
  'meta mark set 0x5',
  'meta mark set meta mark & 0xff | 0x100',
  'ct mark set meta mark',
  'meta mark set tcp dport map { 22 : 0x1, 80-90 : 0x2 }',
  'add @seen { tcp dport timeout 30s }',
  'update @seen { tcp dport limit rate 3/second }',
  'tcp dport vmap { 22 : accept, 23 : jump side, 24-30 : drop }',
  'tcp dport @ports',
  'tcp dport != @ports',
)

const ends = oneOf(
  'accept',
  'drop',
  'return',
  'continue',
  'jump side',
  'goto side',
  'reject',
  'tcp dport 22 reject with tcp reset',
)

function rule(family: string): fc.Arbitrary<string> {
  const fields = FIELDS.filter(({ families }) => families.includes(family))
  const match = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...fields).chain(fieldMatch) },
    flags('tcp flags', ['syn', 'ack', 'fin', 'rst']),
    flags('ct state', ['established', 'related', 'new']),
    masks,
    concatenations,
    { weight: 3, arbitrary: stateful },
  )
  return fc
    .tuple(
      fc.array(match, { minLength: 1, maxLength: 2 }),
      ends,
      fc.option(oneOf('why', 'two words'), { nil: undefined }),
    )
    .map(
      ([matches, end, comment]) =>
        `${matches.join(' ')} ${end}${comment === undefined ? '' : ` comment "${comment}"`}`,
    )
}

/** A table with sets, a map, an object, a window if it may have one, and rules; some of its rules make no sense. */
export function table(windows: boolean): fc.Arbitrary<{ head: string; rules: string[] }> {
  return fc.constantFrom('ip', 'ip6', 'inet').chain((family) =>
    fc
      .record({
        rules: fc.array(rule(family), { minLength: 1, maxLength: 8 }),
        hook: oneOf('input', 'forward', 'output'),
        priority: fc.integer({ min: -310, max: 310 }),
        policy: oneOf('accept', 'drop'),
        ports: fc.uniqueArray(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 12 }),
        size: fc.integer({ min: 1, max: 100_000 }),
      })
      .map(({ rules, hook, priority, policy, ports, size }) => ({
        rules,
        head: [
          `table ${family} t {`,
          'set ports {',
          'type inet_service; flags interval; auto-merge',
          `elements = { ${ports.join(', ')}, 400-500 }`,
          '}',
          `set seen { type inet_service; flags dynamic,timeout; size ${size}; timeout 1m; }`,
          'map verdicts { type inet_service : verdict; elements = { 22 : accept, 23 : jump side }; }',
          'counter hits { packets 3 bytes 180; }',
          ...(windows ? ['window w { rate 20 per 60s; source ip saddr/32, ip6 saddr/64; size 1000; }'] : []),
          'chain side { return; }',
          `chain main { type filter hook ${hook} priority ${priority}; policy ${policy};`,
          ...(windows ? ['window name "w" counter name "hits"'] : []),
          'tcp dport vmap @verdicts',
        ].join('\n'),
      })),
  )
}

/** The text of a table. */
export function textOf({ head, rules }: { head: string; rules: readonly string[] }): string {
  return `${head}\n${rules.join('\n')}\n}\n}\n`
}
