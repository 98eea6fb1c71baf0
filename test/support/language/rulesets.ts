/**
 * Random rulesets of the complete language, typed: whatever comes out can be loaded by nft (with `knows.newer` off, by
 * nft 1.0.6 too), and printed by language/nft/print. For the property tests and for the differential with the kernel, which
 * should both read the printed text, as reading puts rules into nft's own form.
 */
import fc from 'fast-check'
import type {
  Chain,
  Expression,
  Reject,
  Rule,
  Ruleset,
  Statement,
  Table,
  TableFamily,
  Verdict,
} from '../../../src/ruleset/model.js'
import { selectorInfo, selectorsOf } from '../../../src/ruleset/selectors.js'
import { anyMatch, key, verdictMap } from './matches.js'
import { type About, EVERYTHING, type Knows, kept, TRANSPORTS } from './selectors.js'
import { MAPS, OBJECTS, objects, SETS, sets, stateful } from './sets.js'
import { MARKS } from './values.js'

type Hook = NonNullable<Chain['base']>['hook']

/** What a rule of a table is about: protocols that do not contradict each other. */
function about(family: TableFamily, { newer }: Knows): fc.Arbitrary<About> {
  const families: readonly About['family'][] = family === 'inet' ? [undefined, 'ip', 'ip6'] : [family]
  // nft 1.0.6 fails on what follows IPcomp.
  const transports = TRANSPORTS.filter((transport) => newer || transport !== 'comp')
  return fc
    .tuple(fc.constantFrom(...families), fc.constantFrom(undefined, 'tcp', 'tcp', 'udp', ...transports))
    .map(([family, transport]): About => {
      if (transport === 'icmp' || transport === 'igmp')
        return family === 'ip6' ? { family } : { family: 'ip', transport }
      if (transport === 'icmpv6') return family === 'ip' ? { family } : { family: 'ip6', transport }
      return { ...(family && { family }), ...(transport && { transport }) }
    })
    .filter((one) => family === 'inet' || one.family === family)
}

const mark = fc.constantFrom(...MARKS).map((value): Expression => ({ kind: 'value', value: BigInt(value) }))
const meta = (key: string): Expression => ({ kind: 'meta', key })

/** Values that marks are set to: constants, fields, what maps lead to, and what is computed of them. */
function markValue(one: About, knows: Knows): fc.Arbitrary<Expression> {
  const maps = MAPS.filter(({ data, isFor }) => data === 'mark' && isFor(one, knows))
  const operator = fc.constantFrom<'&' | '|' | '^' | '<<' | '>>'>('&', '|', '^', '<<', '>>')
  return fc.oneof(
    mark,
    fc.tuple(operator, mark, fc.integer({ min: 1, max: 31 })).map(
      ([operator, right, shift]): Expression => ({
        kind: 'binary',
        operator,
        left: meta('mark'),
        right: operator === '<<' || operator === '>>' ? { kind: 'value', value: BigInt(shift) } : right,
      }),
    ),
    ...maps.map((map) =>
      map
        .key(one)
        .map((key): Expression => ({ kind: 'map', key, map: { kind: 'reference', name: map.name } })),
    ),
    key(one, { ...knows, clock: false }).map(
      (of): Expression => ({ kind: 'hash', of, modulus: 1000, seed: 7, offset: 1 }),
    ),
    fc
      .constant<Expression>({ kind: 'numgen', mode: 'inc', modulus: 5, offset: 10 })
      .map((one) => ({ ...one })),
  )
}

function mangle(one: About, knows: Knows): fc.Arbitrary<Statement> {
  return fc.oneof(
    markValue(one, knows).map(
      (value): Statement => ({ kind: 'mangle', key: { kind: 'meta', key: 'mark' }, value }),
    ),
    fc.constantFrom(0n, 0x10001n).map(
      (value): Statement => ({
        kind: 'mangle',
        key: { kind: 'meta', key: 'priority' },
        value: { kind: 'value', value },
      }),
    ),
    ...(knows.connections
      ? [
          fc
            .oneof(mark, fc.constant(meta('mark')))
            .map((value): Statement => ({ kind: 'mangle', key: { kind: 'ct', key: 'mark' }, value })),
          fc.constantFrom(0n, 5n, 127n).map(
            (value): Statement => ({
              kind: 'mangle',
              key: { kind: 'ct', key: 'label' },
              value: { kind: 'value', value },
            }),
          ),
        ]
      : []),
  )
}

/** Additions to the sets that rules may fill. */
function update(one: About, knows: Knows): fc.Arbitrary<Statement> {
  const known = SETS.filter((set) => set.flags.includes('dynamic') && set.isFor(one, knows))
  const learned = MAPS.filter((map) => map.flags.includes('dynamic') && map.isFor(one, knows))
  const operation = fc.constantFrom<'add' | 'update' | 'delete'>('add', 'add', 'update', 'delete')
  return fc.oneof(
    ...known.map((set) =>
      fc
        .tuple(
          operation,
          set.key(one),
          fc.option(fc.constantFrom(...(knows.timing ? [200, 1000] : [3_600_000])), { nil: undefined }),
          fc.option(stateful(knows, knows.connections && !set.flags.includes('timeout')), { nil: undefined }),
        )
        .map(
          ([operation, element, timeout, statement]): Statement => ({
            kind: 'set',
            operation,
            set: set.name,
            element,
            ...(timeout !== undefined && operation !== 'delete' && set.flags.includes('timeout')
              ? { timeout }
              : {}),
            ...(statement !== undefined && operation !== 'delete' ? { statements: [statement] } : {}),
          }),
        ),
    ),
    ...learned.map((map) =>
      fc
        .tuple(map.key(one), mark)
        .map(
          ([element, data]): Statement => ({ kind: 'set', operation: 'add', set: map.name, element, data }),
        ),
    ),
  )
}

function objectUse(one: About, knows: Knows): fc.Arbitrary<Statement> {
  const kinds = ['counter', 'quota', 'limit'] as const
  const maps = MAPS.filter((map) => map.data in OBJECTS && map.isFor(one, knows))
  return fc.oneof(
    ...kinds.map((object) =>
      fc.constantFrom(...OBJECTS[object]!).map((name): Statement => ({ kind: 'object', object, name })),
    ),
    ...maps.map((map) =>
      map.key(one).map(
        (key): Statement => ({
          kind: 'object',
          object: map.data as (typeof kinds)[number],
          name: { kind: 'map', key, map: { kind: 'reference', name: map.name } },
        }),
      ),
    ),
  )
}

function statement(one: About, knows: Knows, hook: Hook | undefined): fc.Arbitrary<Statement> {
  const updates = SETS.some((set) => set.flags.includes('dynamic') && set.isFor(one, knows))
  const early = hook === 'prerouting' || hook === 'output'
  return fc.oneof(
    stateful(knows),
    mangle(one, knows),
    objectUse(one, knows),
    fc.constant<Statement>({ kind: 'log', prefix: 'seen ' }).map((one) => ({ ...one })),
    ...(updates ? [{ weight: 2, arbitrary: update(one, knows) }] : []),
    ...(early ? [fc.constant<Statement>({ kind: 'notrack' })] : []),
    ...(knows.windows ? [fc.constant<Statement>({ kind: 'window', name: 'w' })] : []),
  )
}

function reject(one: About, family: TableFamily): fc.Arbitrary<Reject> {
  const icmpx = fc.constantFrom(0, 1, 2, 3).map((code): Reject => ({ kind: 'reject', type: 'icmpx', code }))
  const icmp = fc
    .constantFrom(0, 1, 3, 10, 13)
    .map((code): Reject => ({ kind: 'reject', type: 'icmp', code }))
  const icmpv6 = fc.constantFrom(0, 1, 3, 4).map((code): Reject => ({ kind: 'reject', type: 'icmpv6', code }))
  return fc.oneof(
    ...(family === 'inet' ? [icmpx] : []),
    ...(one.transport === 'tcp' || one.transport === undefined
      ? [fc.constant<Reject>({ kind: 'reject', type: 'tcp reset' })]
      : []),
    ...(one.family === 'ip' ? [icmp] : []),
    ...(one.family === 'ip6' ? [icmpv6] : []),
  )
}

const VERDICTS: readonly Verdict[] = [
  { kind: 'accept' },
  { kind: 'accept' },
  { kind: 'drop' },
  { kind: 'return' },
  { kind: 'continue' },
]

function end(
  family: TableFamily,
  one: About,
  knows: Knows,
  hook: Hook | undefined,
  rejects: boolean,
  targets: readonly string[],
): fc.Arbitrary<Statement | undefined> {
  const jumps = targets.flatMap((target): Verdict[] => [
    { kind: 'jump', target },
    { kind: 'goto', target },
  ])
  return fc.option(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom<Statement>(...VERDICTS, ...jumps) },
      { weight: 2, arbitrary: verdictMap(one, knows, targets) },
      ...(rejects && hook !== 'postrouting' ? [{ weight: 1, arbitrary: reject(one, family) }] : []),
    ),
    { freq: 6, nil: undefined },
  )
}

/** nft refuses fields of two ICMP types, a type beside a field of another, and resets of what may not be TCP. */
function agree(statements: readonly Statement[]): boolean {
  const asked = statements.flatMap((one) => (one.kind === 'match' ? [...selectorsOf(one.left)] : []))
  const types = asked.map((one) => selectorInfo(one)?.field?.types?.join()).filter((one) => one !== undefined)
  const itself = asked.some((one) => one.kind === 'payload' && one.field === 'type')
  const protocol = asked.some((one) => (one.kind === 'meta' || one.kind === 'ct') && /proto/.test(one.key))
  const reset = statements.some((one) => one.kind === 'reject' && one.type === 'tcp reset')
  return new Set(types).size <= 1 && !(itself && types.length > 0) && !(protocol && reset)
}

/** A rule of a base chain at a hook, or of a chain that others jump to. */
function rule(
  family: TableFamily,
  hook: Hook | undefined,
  rejects: boolean,
  targets: readonly string[],
  knows: Knows,
): fc.Arbitrary<Rule> {
  return about(family, knows).chain((one) => body(family, one, hook, rejects, targets, knows))
}

const body = kept(
  (
    family: TableFamily,
    one: About,
    hook: Hook | undefined,
    rejects: boolean,
    targets: readonly string[],
    knows: Knows,
  ): fc.Arbitrary<Rule> =>
    fc
      .tuple(
        fc.array(
          fc.oneof(
            { weight: 3, arbitrary: anyMatch(one, knows) },
            { weight: 1, arbitrary: statement(one, knows, hook) },
          ),
          { minLength: 1, maxLength: 3 },
        ),
        end(family, one, knows, hook, rejects, targets),
      )
      .map(([statements, end]) => (end === undefined ? statements : [...statements, end]))
      .filter(agree)
      .map((statements) => ({ statements })),
)

const HOOKS: readonly Hook[] = ['prerouting', 'input', 'forward', 'output', 'postrouting']
const MOST_RULES = 8

const window = fc.record({
  name: fc.constant('w'),
  rate: fc.integer({ min: 1, max: 3 }),
  per: fc.constantFrom(10, 1000, 60_000),
  strict: fc.boolean(),
  size: fc.constant(64),
  prefix4: fc.constantFrom(32, 24),
  prefix6: fc.constantFrom(64, 128),
})

function base(hooks: readonly Hook[]): fc.Arbitrary<NonNullable<Chain['base']>> {
  return fc.record({
    type: fc.constant('filter' as const),
    hook: fc.constantFrom(...hooks),
    priority: fc.constantFrom(-300, -150, -1, 0, 0, 1, 10),
    policy: fc.constantFrom('accept' as const, 'drop' as const),
  })
}

/** The chains that others jump to; a table's rejects stand in chains that no postrouting chain reaches. */
const SIDES: Readonly<Record<string, readonly string[]>> = {
  one: ['two', 'three'],
  two: ['three'],
  three: [],
}

function table(family: TableFamily, name: string, hooks: readonly Hook[], knows: Knows): fc.Arbitrary<Table> {
  const targets = Object.keys(SIDES)
  const rejects = !hooks.includes('postrouting')
  const chain = (name: string, hook: Hook | undefined, targets: readonly string[]) =>
    fc
      .array(rule(family, hook, rejects || hook !== undefined, targets, knows), { maxLength: MOST_RULES })
      .map((rules): Chain => ({ name, rules }))
  const bases = ['alpha', 'beta'].map((name) =>
    base(hooks).chain((base) => chain(name, base.hook, targets).map((chain): Chain => ({ ...chain, base }))),
  )
  const sides = Object.entries(SIDES).map(([name, targets]) => chain(name, undefined, targets))
  return fc
    .record({
      sets: sets(family, knows, ['three']),
      objects: objects(knows),
      windows: knows.windows ? window.map((one) => [one]) : fc.constant([]),
      chains: fc.tuple(...sides, ...bases),
    })
    .map((rest): Table => ({ family, name, ...rest }))
}

export interface RulesetOptions {
  readonly knows?: Partial<Knows>
  /** The hooks that base chains are at. */
  readonly hooks?: readonly Hook[]
  readonly maximumTables?: number
}

/** Rulesets of the complete language. */
export function rulesets(options: RulesetOptions = {}): fc.Arbitrary<Ruleset> {
  const { hooks = HOOKS, maximumTables = 2 } = options
  const knows: Knows = { ...EVERYTHING, ...options.knows }
  return fc
    .array(fc.constantFrom<TableFamily>('inet', 'inet', 'ip', 'ip6'), {
      minLength: 1,
      maxLength: maximumTables,
    })
    .chain((families) => fc.tuple(...families.map((family, i) => table(family, `t${i}`, hooks, knows))))
    .map((tables) => ({ tables }))
}
