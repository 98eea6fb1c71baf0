/** Rules in the kernel's words, so that nothing is accepted that the policy would drop. */
import type { Match, Rule, Selector, Statement, Table } from '../ruleset/model.js'
import { selectorsOf } from '../ruleset/selectors.js'
import type { XtablesMatch } from '../ruleset/xtables.js'
import { ruleAsNft } from '../ruleset/xtables-as-nft.js'
import type { FloorWindows } from './windows.js'

/** What became of a rule: none where it has nothing to say there, more than one where both IP versions need one. */
export interface FloorRules {
  readonly rules: readonly Rule[]
  /** What of it the kernel cannot say, if anything. */
  readonly lost?: string
}

const HARMLESS: ReadonlySet<string> = new Set<Statement['kind']>([
  'match',
  'xtables',
  'counter',
  'log',
  'window',
])
/** Where these find no room, they drop the packet. */
const DROPPING: ReadonlySet<string> = new Set<XtablesMatch['name']>(['connlimit', 'hashlimit'])
const LEAST_VERDICTS: ReadonlySet<string> = new Set<Statement['kind']>(['accept', 'continue'])

export function floorRules(rule: Rule, table: Table, windows: FloorWindows): FloorRules {
  const said = table.family === 'inet' ? rule : (ruleAsNft(rule, table.family) ?? rule)
  const { statements } = said
  const lost = unsayable(statements, windows)
  if (lost !== undefined) return { rules: instead(rule, table), lost }
  const at = statements.findIndex(({ kind }) => kind === 'window')
  if (at < 0) return { rules: [said] }
  const window = statements[at] as Statement & { kind: 'window' }
  const updates = windows.of(window.name, statements)!
  return { rules: updates.map((update) => ({ ...said, statements: statements.toSpliced(at, 1, update) })) }
}

/** What of a rule's statements the kernel has no words for. */
function unsayable(statements: readonly Statement[], windows: FloorWindows): string | undefined {
  const rateLimits = statements.filter((statement) => statement.kind === 'window')
  for (const statement of statements) {
    switch (statement.kind) {
      case 'xtables':
        return `the kernel's nft has no word for its match ${statement.name}`
      case 'xtables target':
        return `the kernel's nft has no word for -j ${statement.target}`
      case 'queue':
        return 'nobody may be listening at its queue'
      case 'mangle':
        if ([...selectorsOf(statement.value)].length > 1) return 'nft cannot set a mark to bits of two'
        break
      case 'window':
        if (windows.of(statement.name, statements) === undefined)
          return `no rate of the kernel's keeps to window ${statement.name}`
        // A bucket has room less often: only a rule that does nothing but accept may miss packets.
        if (rateLimits.length > 1 || !isAccept(statements))
          return `a rate of the kernel's stands for window ${statement.name} only where its rule accepts`
        break
    }
  }
  return undefined
}

/** Whether a rule does nothing but accept. */
function isAccept(statements: readonly Statement[]): boolean {
  return (
    statements.at(-1)?.kind === 'accept' && statements.slice(0, -1).every(({ kind }) => HARMLESS.has(kind))
  )
}

/**
 * What stands for a rule that cannot be said. One that accepts, or only counts, may be missing: what it would have accepted
 * is left to the others. Of any other, all that may match is dropped.
 */
function instead(rule: Rule, table: Table): Rule[] {
  const { statements, comment, position } = rule
  const last = statements.at(-1)
  const body = last !== undefined && LEAST_VERDICTS.has(last.kind) ? statements.slice(0, -1) : statements
  const mayDrop =
    last?.kind === 'accept' && body.some((each) => each.kind === 'xtables' && DROPPING.has(each.name))
  if (!mayDrop && body.every(({ kind }) => HARMLESS.has(kind))) return []
  const end = statements.findIndex(({ kind }) => !HARMLESS.has(kind))
  const matches = statements
    .slice(0, end < 0 ? undefined : end)
    .flatMap((statement) => plainMatches(statement, rule, table))
  return [
    {
      ...(comment === undefined ? {} : { comment }),
      ...(position === undefined ? {} : { position }),
      statements: [...matches, { kind: 'counter' }, { kind: 'drop' }],
    },
  ]
}

/** A match as it can be said by itself; none if it cannot, or if each look at it gives another answer. */
export function plainMatches(
  statement: Statement,
  rule: Rule,
  { family }: Pick<Table, 'family'>,
): readonly Match[] {
  if (statement.kind === 'match') return [...selectorsOf(statement.left)].some(draws) ? [] : [statement]
  if (statement.kind !== 'xtables' || family === 'inet') return []
  const protocols = rule.statements.filter((each) => each.kind === 'xtables' && each.name === 'protocol')
  const said = ruleAsNft({ statements: [...protocols, statement] }, family)?.statements
  return said?.every((each): each is Match => each.kind === 'match') ? said : []
}

function draws(selector: Selector): boolean {
  return selector.kind === 'numgen' || (selector.kind === 'meta' && selector.key === 'random')
}
