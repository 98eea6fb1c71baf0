/** Rules of iptables as text of nft, each with the line that it comes from. */
import type { Chain, Rule, Ruleset, Statement } from '../../ruleset/model.js'
import { selectorInfo, selectorsOf } from '../../ruleset/selectors.js'
import { type XtablesMatch, xtablesModule } from '../../ruleset/xtables.js'
import { ruleAsNft } from '../../ruleset/xtables-as-nft.js'
import type { Diagnostic, Texts } from '../diagnostic.js'
import { printRuleset } from '../nft/print/ruleset.js'
import { sourceOf } from '../remarks.js'

export interface ImportedNft {
  readonly text: string
  /** Rules that nft cannot say, and what they mean. */
  readonly lost: readonly Diagnostic[]
  /** Rules that drop packets whose header is cut short, wherever they lead, where nft's only do not match. */
  readonly strict: readonly Rule[]
}

/** xtables' matches that do so (hotdrop), among those that nft has words for. */
const STRICT: readonly string[] = ['tcp', 'udp', 'multiport', 'icmp', 'icmp6', 'esp', 'rt']

/** What the rules are about that nft has no word for, by `-m NAME`. */
const MEANINGS: Readonly<Record<string, string>> = {
  recent: 'it remembers addresses and when they came; in a policy, limit: N per TIME per source does so',
  hashlimit:
    'it gives each address a rate of its own; a set of nft with a limit for each element is near to it',
  connlimit:
    'it counts the connections of an address; a set of nft with ct count for each element is near to it',
  limit: 'iptables-legacy counts in ticks of the clock where nft counts in nanoseconds',
  string: 'it looks for text in packets',
  u32: 'it computes with bytes of packets',
  time: 'it looks at the time of day; meta hour and meta day are near to it',
  statistic: 'it takes packets by chance or by turns; numgen is near to it',
  quota: 'it lets so many bytes pass; quota is near to it',
  owner: 'it looks at who owns the socket, where nft has no answer for packets without one',
  addrtype: 'it looks at the kind of an address, for which nft looks in another table',
  bpf: 'it runs a program on packets',
  socket: 'it looks for a socket that waits for the packet',
  osf: 'it guesses the sender’s operating system',
  policy: 'it looks at IPsec',
}

/** A Ruleset of iptables as nft's text. `texts`: of the files that it was read from. */
export function importAsNft(ruleset: Ruleset, texts: Texts): ImportedNft {
  const lost: Diagnostic[] = []
  const strict: Rule[] = []
  const remarks = new Map<Rule, string[]>()
  const tables = ruleset.tables.map((table) => {
    const family = table.family === 'ip6' ? 'ip6' : 'ip'
    const chains = table.chains.map((chain): Chain => {
      const rules = chain.rules.map((rule) => {
        const source = sourceOf(rule, texts)
        const said = ruleAsNft(rule, family)
        if (said !== undefined && !said.statements.some(joinsMarks)) {
          if (rule.statements.some(isStrict)) strict.push(rule)
          const { comment: _, ...bare } = said
          const plain = { ...bare, statements: concise(said.statements) }
          remarks.set(plain, source)
          return plain
        }
        const message = meaning(rule)
        if (rule.position !== undefined) lost.push({ position: rule.position, message })
        const left = { statements: [] }
        remarks.set(left, [`NOT IMPORTED: ${message}`, ...source])
        return left
      })
      return { ...chain, rules }
    })
    return { ...table, chains }
  })
  return { text: printRuleset({ tables }, { remarks: (rule) => remarks.get(rule) ?? [] }), lost, strict }
}

function isStrict(statement: Statement): boolean {
  return statement.kind === 'xtables' && STRICT.includes(statement.name)
}

/** Whether a mark is set to bits of two marks: nft before 1.1 cannot do that. */
function joinsMarks(statement: Statement): boolean {
  return statement.kind === 'mangle' && [...selectorsOf(statement.value)].length > 1
}

/** What of a rule nft has no word for. */
function meaning(rule: Rule): string {
  const what = xtablesMeaning(rule)
  return what.includes(':') ? what : `nft has no word for ${what}`
}

/** What of a rule is xtables' own, and what it is about. */
export function xtablesMeaning({ statements }: Rule): string {
  const target = statements.find((each) => each.kind === 'xtables target')
  if (target !== undefined) return `-j ${target.target}`
  const modules = statements
    .filter((each): each is XtablesMatch => each.kind === 'xtables')
    .map(xtablesModule)
  const known = modules.find((name) => Object.hasOwn(MEANINGS, name))
  if (known !== undefined) return `-m ${known}: ${MEANINGS[known]}`
  return `${modules.map((name) => `-m ${name}`).join(' ')} as it is used here`
}

/** Without matches of the protocol that a field behind them asks for anyway. */
function concise(statements: readonly Statement[]): readonly Statement[] {
  const implied = new Set<bigint>()
  for (const statement of statements) {
    if (statement.kind !== 'match') continue
    for (const selector of selectorsOf(statement.left))
      for (const { column, value } of selectorInfo(selector)?.implies ?? [])
        if (column === 'l4proto') implied.add(BigInt(value))
  }
  return statements.filter((statement) => {
    if (statement.kind !== 'match' || statement.operator !== 'in') return true
    const { left, right } = statement
    const asked = left.kind === 'meta' && left.key === 'l4proto' && right.kind === 'value'
    return !asked || !implied.has(right.value as bigint)
  })
}
