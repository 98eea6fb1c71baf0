import { printStatement } from '../language/nft/print/statement.js'
import type { Statement } from '../ruleset/model.js'
import { SpaceError } from '../space/diagram.js'
import { type Change, diff as compare, type Difference } from '../space/diff.js'
import type { Example } from '../space/example.js'
import type { Decider } from '../space/outcomes.js'
import { parseOptions } from './arguments.js'
import { BadInput, Misuse } from './errors.js'
import { loadPolicy, translating } from './policy.js'

export const usage = `portcullis diff OLD NEW [--json] [--prose]

Says which packets two policies or rulesets judge otherwise, however they are written: each line with one such packet,
and the rules that decide about it in OLD and in NEW.

  --json   prints the changes as JSON, with the bytes of the packets
  --prose  passes over lines of a script that are no commands

Limits, windows, sets that packets fill and the like are compared as asking the same of the same state.
Exit code as diff's: 0 if all packets are judged alike, 1 if not, 2 if the files cannot be compared.`

const VERSIONS = { ip: 'IPv4', ip6: 'IPv6' } as const

export function diff(args: readonly string[]): void {
  const { values, positionals } = parseOptions(args, {
    json: { type: 'boolean', default: false },
    prose: { type: 'boolean', default: false },
  })
  const [old, fresh, ...more] = positionals
  if (old === undefined || fresh === undefined || more.length > 0)
    throw new Misuse('expected two files: OLD NEW')
  const load = (file: string) => loadPolicy([file], { prose: values.prose }).ruleset
  const [before, after] = [load(old), load(fresh)]
  const difference = comparing(() =>
    compare(before, after, { textOf: (statement) => printStatement(statement) }),
  )
  process.stdout.write(values.json ? `${JSON.stringify(asJson(difference))}\n` : asText(difference))
  process.exitCode = difference.changes.length === 0 ? 0 : 1
}

/** Runs something that may take more memory than it is allowed. */
function comparing<T>(action: () => T): T {
  try {
    return translating(action)
  } catch (error) {
    if (error instanceof SpaceError) throw new BadInput(error.message)
    throw error
  }
}

function asText({ changes, stateful }: Difference): string {
  if (changes.length === 0) return ''
  const lines: string[] = []
  let before = ''
  for (const change of changes) {
    const where = `${change.hook}, ${change.families.map((family) => VERSIONS[family]).join(' and ')}:`
    if (where !== before) lines.push(where)
    before = where
    lines.push(...changeLines(change))
  }
  if (stateful.length > 0) {
    const texts = [...new Set(stateful.map((statement) => printStatement(statement)))]
    lines.push(`Compared as asking the same of the same state: ${texts.join('; ')}`)
  }
  return `${lines.join('\n')}\n`
}

function changeLines({ packets, from, to, example, old, new: fresh }: Change): string[] {
  const assumed = example.assumes.map(
    ({ statement, holds }) => `, where ${printStatement(statement)} ${holds ? 'holds' : 'does not hold'}`,
  )
  return [
    `  ${packets ?? 'and others'}: ${from} → ${to}`,
    `      ${example.text}${assumed.join('')}`,
    `      ${deciderText(old)} → ${deciderText(fresh)}`,
  ]
}

function deciderText({ chain, rule, position }: Decider): string {
  const place = position === undefined ? '' : `${position.file}:${position.line}`
  if (rule !== undefined) return place === '' ? 'a rule' : place
  if (chain === undefined) return 'no chain'
  return `${place === '' ? '' : `${place}, `}policy of ${chain.name}`
}

function asJson({ changes, stateful }: Difference) {
  return {
    changes: changes.map(({ example, old, new: fresh, packets, ...rest }) => ({
      ...rest,
      packets: packets ?? null,
      example: exampleAsJson(example),
      old: deciderAsJson(old),
      new: deciderAsJson(fresh),
    })),
    stateful: stateful.map((statement) => printStatement(statement)),
  }
}

function exampleAsJson({ bytes, assumes, ...rest }: Example) {
  return {
    ...rest,
    bytes: Buffer.from(bytes).toString('hex'),
    assumes: assumes.map(({ statement, holds }: { statement: Statement; holds: boolean }) => ({
      statement: printStatement(statement),
      holds,
    })),
  }
}

function deciderAsJson({ chain, rule, position }: Decider) {
  return {
    by: rule !== undefined ? 'rule' : chain !== undefined ? 'policy' : 'nobody',
    ...(chain !== undefined && { chain: chain.name }),
    ...(position !== undefined && { file: position.file, line: position.line }),
  }
}
