/** A ruleset as a policy: what new connections meet, rule by rule, and what a policy cannot say of it. */
import { formatAddress, formatPrefix } from '../../../packet/address.js'
import type { Chain, Rule, Ruleset } from '../../../ruleset/model.js'
import { baseChains } from '../../../ruleset/probe.js'
import { SERVICES } from '../../../ruleset/symbols/services.js'
import type { Diagnostic, Texts } from '../../diagnostic.js'
import { sourceOf } from '../../remarks.js'
import { differences } from './differs.js'
import { answersPings, type Decision, flatten } from './flatten.js'
import { isEverything, type PortSpan, type Span, trafficKey } from './traffic.js'

export interface ImportedPolicy {
  readonly text: string
  /** Rules that a policy cannot say, and what comes of it. */
  readonly lost: readonly Diagnostic[]
  /** What a policy does by itself, and the rules do otherwise. */
  readonly differs: readonly Diagnostic[]
}

type Family = 'ip' | 'ip6'
const FAMILIES = ['ip', 'ip6'] as const
const HOOKS = ['input', 'output'] as const
const SECTIONS = { input: 'inbound', output: 'outbound' } as const
const EVERY_ADDRESS = { ip: '0.0.0.0/0', ip6: '::/0' } as const
const BITS = { ip: 32, ip6: 128 } as const

/** A decision, and the IP versions that it is for. */
interface Placed extends Decision {
  readonly families: readonly Family[]
}

/** `texts`: of the files that the rules were read from. */
export function importAsPolicy(ruleset: Ruleset, texts: Texts): ImportedPolicy {
  const flat = HOOKS.map((hook) => FAMILIES.map((family) => flatten(ruleset, hook, family)))
  const gone = new Set(flat.flatMap((families) => families.flatMap(({ without }) => [...without])))
  const kept = withoutRules(ruleset, gone)
  const pings = flat.flatMap((families) => families.flatMap((each) => each.pings))
  const ping = pings.length > 0 && answersPings(kept)
  const names = new Set<string>()
  const differs: Diagnostic[] = []
  const sections = HOOKS.map((hook, i) => {
    const [four, six] = FAMILIES.map((family, j) =>
      baseChains(ruleset, hook, family).length === 0 ? [UNGUARDED] : flat[i]![j]!.decisions,
    )
    const placed = merged(four!, six!)
    const open = placed.length === 1 && isEverything(placed[0]!.traffic) && placed[0]!.families.length === 2
    differs.push(...differences(kept, hook, open))
    if (open) return `${SECTIONS[hook]}: any`
    if (placed.length === 0) return `${SECTIONS[hook]}: []`
    return `${SECTIONS[hook]}:\n${placed.map((one) => ruleText(one, names, texts)).join('\n')}`
  })
  const lost = [
    ...flat.flatMap((families) => families.flatMap((each) => each.lost)),
    ...(ping ? [] : pings),
    ...otherChains(ruleset),
  ]
  const also = ping ? ['also: [ping]'] : []
  return { text: `${[...also, ...sections].join('\n\n')}\n`, lost: distinct(lost), differs }
}

/** Where no chain looks at an IP version. */
const UNGUARDED: Decision = { action: 'allow', traffic: {}, by: { name: 'unguarded', rules: [] } }

function withoutRules({ tables }: Ruleset, gone: ReadonlySet<Rule>): Ruleset {
  return {
    tables: tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) => ({
        ...chain,
        rules: chain.rules.filter((rule) => !gone.has(rule)),
      })),
    })),
  }
}

/** Rules of other hooks and of chains before the last, each chain once. */
function otherChains(ruleset: Ruleset): Diagnostic[] {
  const read = new Set(
    HOOKS.flatMap((hook) => FAMILIES.map((family) => baseChains(ruleset, hook, family).at(-1)?.chain)),
  )
  return ruleset.tables.flatMap(({ name: table, position: start, chains }) =>
    chains.flatMap((chain) => {
      if (chain.base === undefined || read.has(chain)) return []
      const { rules, name, base } = chain
      const position = rules[0]?.position ?? chain.position ?? start
      if (position === undefined || (rules.length === 0 && base.policy === 'accept')) return []
      const forwarded =
        base.hook === 'forward' ? ' and sends, and leaves alone what it forwards' : ' and sends'
      const what = rules.length === 1 ? '1 rule' : `${rules.length} rules`
      const message = `${table} ${name}, ${what}, policy ${base.policy}: a policy is about what this machine gets${forwarded}`
      return [{ position, message }]
    }),
  )
}

/** The decisions for both versions: those that stand in both lists, in their order, are one. */
function merged(four: readonly Decision[], six: readonly Decision[]): Placed[] {
  const out: Placed[] = []
  const only = (family: Family) => (one: Decision) => ({ ...one, families: [family] })
  const key = ({ action, traffic }: Decision) => `${action} ${trafficKey(traffic)}`
  const places = new Map(six.map((one, place) => [key(one), place]))
  let at = 0
  let passed = 0
  for (const [i, one] of four.entries()) {
    const { from, to } = one.traffic
    const same = from === undefined && to === undefined ? places.get(key(one)) : undefined
    if (same === undefined || same < at) continue
    out.push(...four.slice(passed, i).map(only('ip')), ...six.slice(at, same).map(only('ip6')))
    out.push({ ...one, families: FAMILIES })
    passed = i + 1
    at = same + 1
  }
  return [...out, ...four.slice(passed).map(only('ip')), ...six.slice(at).map(only('ip6'))]
}

function ruleText(one: Placed, names: Set<string>, texts: Texts): string {
  const { action, traffic, by, families } = one
  const family = families[0]!
  const versions = families.length === 1 && traffic.from === undefined && traffic.to === undefined
  const from = versions
    ? [EVERY_ADDRESS[family]]
    : traffic.from?.map((span) => addressText(span, BITS[family]))
  const fields = [
    ['port', traffic.ports?.map(portText)],
    ['from', from],
    ['to', traffic.to?.map((span) => addressText(span, BITS[family]))],
    ['interface', traffic.interface === undefined ? undefined : [traffic.interface]],
  ] as const
  const remark = 'statements' in by ? sourceOf(by, texts) : [policyRemark(by)]
  return [
    ...remark.map((text) => `  # ${text}`),
    `  - ${action}: ${nameOf(one, names)}`,
    ...fields.flatMap(([key, values]) => (values === undefined ? [] : [`    ${key}: ${listText(values)}`])),
  ].join('\n')
}

function policyRemark({ name, base, position }: Chain): string {
  if (base === undefined) return 'no rule looks at these'
  const place = position === undefined ? '' : `${position.file}:${position.line}: `
  return `${place}the policy of ${name} is accept`
}

/** A name for a rule that no other has: its comment, or what it is about. */
function nameOf({ by, traffic, action }: Placed, names: Set<string>): string {
  const comment = 'statements' in by ? by.comment : undefined
  const told = comment ?? portsName(traffic.ports)
  const word = told
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z]+/, '')
    .slice(0, 40)
  const base = word === '' ? action : word
  let name = base
  for (let i = 2; names.has(name); i++) name = `${base}-${i}`
  names.add(name)
  return name
}

/** How many ports a name names. */
const MOST_NAMED = 3

function portsName(ports: readonly PortSpan[] | undefined): string {
  if (ports === undefined) return 'everything'
  const single = ports.every(({ from, to }) => from === to) && ports.length <= MOST_NAMED
  if (single) return [...new Set(ports.map(serviceName))].join('-')
  return `${[...new Set(ports.map(({ protocol }) => protocol))].join('-')}-ports`
}

function serviceName({ protocol, from }: PortSpan): string {
  const [name] = Object.entries(SERVICES).find(([, port]) => BigInt(port) === from) ?? []
  return name ?? `${protocol}-${from}`
}

function portText({ protocol, from, to }: PortSpan): string {
  if (from === 0n && to === 65_535n) return protocol
  return `${protocol}/${from}${from === to ? '' : `-${to}`}`
}

function addressText({ from, to }: Span, bits: 32 | 128): string {
  const size = to - from + 1n
  const length = bits - (size.toString(2).length - 1)
  const isPrefix = (size & (size - 1n)) === 0n && from % size === 0n
  if (isPrefix && from !== to) return formatPrefix({ bits, value: from, length })
  const first = formatAddress({ bits, value: from })
  return from === to ? first : `${first}-${formatAddress({ bits, value: to })}`
}

function listText(values: readonly string[]): string {
  const quoted = values.map((value) => (/^[A-Za-z0-9][\w./-]*$/.test(value) ? value : JSON.stringify(value)))
  return quoted.length === 1 ? quoted[0]! : `[${quoted.join(', ')}]`
}

function distinct(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const key = ({ position: { file, line, column }, message }: Diagnostic) =>
    `${file}:${line}:${column} ${message}`
  const seen = new Map(diagnostics.map((each) => [key(each), each]))
  return [...seen.values()]
}
