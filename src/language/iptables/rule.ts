/** A rule of a command, as statements: what stands in the IP header, the matches in their order, the target. */
import type { Expression, Statement } from '../../ruleset/model.js'
import { and, field, is, meta, value } from '../../ruleset/nodes.js'
import { PROTOCOLS } from '../../ruleset/symbols/protocols.js'
import type { Backend, IpFamily, RuleFacts } from './extensions/extension.js'
import { xtables } from './extensions/extension.js'
import { allOnes, Given, lengthOf, unsigned } from './extensions/given.js'
import { TARGET_NAMES } from './extensions/known.js'
import type { TableState } from './firewall.js'
import type { CoreOption, Options } from './options.js'
import { protocolNumber } from './protocols.js'
import type { Reader } from './reader.js'
import type { Word } from './words.js'

/** How many rules lists of addresses may make of one command. */
const MOST_RULES = 4096

export interface RuleContext {
  readonly reader: Reader
  readonly family: IpFamily
  readonly backend: Backend
  readonly table: TableState
  readonly chain: string
  /** Packets and bytes, where they stand before the rule. */
  readonly counters?: { readonly packets: bigint; readonly bytes: bigint }
}

export interface ReadRule {
  /** A row for each pair of a source and a destination. */
  readonly rows: readonly (readonly Statement[])[]
  readonly comment: string | undefined
}

/** Throws Unusable, with the error reported, if the rule makes no sense. */
export function readRule(options: Options, context: RuleContext): ReadRule {
  const { reader, family } = context
  const { core } = options
  const sources = addresses(core.get('s'), 'saddr', context)
  const destinations = addresses(core.get('d'), 'daddr', context)
  if (sources.length * destinations.length > MOST_RULES)
    reader.fail(core.get('s')!.word, `these addresses make more than ${MOST_RULES} rules`)
  const before = [...interfaces(core, context), ...protocol(core.get('p'), context)]
  const fragment = core.get('f')
  if (fragment !== undefined) {
    if (family === 'ip6') reader.fail(fragment.word, '-f is of iptables: ip6tables has -m frag')
    before.push({
      ...is(and(field('ip', 'frag-off'), 0x1fff), value(0)),
      operator: fragment.inverted ? 'in' : '!=',
    })
  }
  const facts = factsOf(options, context)
  const matches = options.matches.flatMap(({ extension, given }) => {
    needProtocol(extension, given, facts)
    return [...extension.read(given, facts)]
  })
  const after = [...matches, counter(core.get('c'), context), ...target(options, facts, context)]
  const rows = sources.flatMap((source) =>
    destinations.map((destination) => [...source, ...destination, ...before, ...after]),
  )
  const comments = options.matches.flatMap(({ given }) =>
    given.module === 'comment' ? given.options.map(({ words }) => words[0]!.text) : [],
  )
  return { rows, comment: comments.length === 0 ? undefined : comments.join(' ') }
}

function factsOf({ core }: Options, { reader, family, backend, table, chain }: RuleContext): RuleFacts {
  const option = core.get('p')
  const number = option && !option.inverted ? protocolNumber(reader, option.words[0]!) : undefined
  return { family, backend, table: table.name, chain, protocol: number, ipsets: table }
}

function needProtocol({ protocol }: { readonly protocol?: number }, given: Given, facts: RuleFacts): void {
  if (protocol === undefined || facts.protocol === protocol) return
  const [name] = Object.entries(PROTOCOLS).find(([, number]) => number === protocol)!
  given.fail(`${given.module} needs -p ${name}`)
}

/** The sources or destinations of a rule: matches of one each, none for all addresses. */
function addresses(
  option: CoreOption | undefined,
  side: 'saddr' | 'daddr',
  context: RuleContext,
): Statement[][] {
  if (option === undefined) return [[]]
  const { reader, family } = context
  const given = new Given(reader, option.word.text, option.word)
  const word = option.words[0]!
  const texts = word.text.split(',')
  if (option.inverted && texts.length > 1)
    reader.fail(
      word,
      'an inverted list of addresses is no rule',
      'make a rule of each, that leads to a chain of its own',
    )
  return texts.map((text) => {
    const { value: base, mask } = given.network(word, text, family)
    if (mask === 0n) {
      if (option.inverted) reader.fail(word, 'no packet is outside of all addresses')
      return []
    }
    const selector = field(family, side)
    const length = lengthOf(mask, family)
    const right: Expression =
      mask === allOnes(family) || length === undefined ? value(base) : { kind: 'prefix', base, length }
    const left = length === undefined ? and(selector, mask) : selector
    return [is(left, right, option.inverted)]
  })
}

/** The chains in which a packet has no such interface. */
const WITHOUT = { i: ['OUTPUT', 'POSTROUTING'], o: ['PREROUTING', 'INPUT'] } as const
/** IFNAMSIZ less its end. */
const LONGEST_NAME = 15
/** What iptables-nft compares with where nothing is to match. */
const NO_NAME = 'INVAL/D'

function interfaces(core: Options['core'], { reader, backend, chain }: RuleContext): Statement[] {
  return (['i', 'o'] as const).flatMap((letter) => {
    const option = core.get(letter)
    if (option === undefined) return []
    const word = option.words[0]!
    if ((WITHOUT[letter] as readonly string[]).includes(chain))
      reader.fail(option.word, `-${letter} is nothing to look at in ${chain}`)
    if (word.text === '' || word.text.length > LONGEST_NAME || /[\s/"\p{Cc}]/u.test(word.text))
      reader.fail(word, `an interface has a name of 1 to ${LONGEST_NAME} letters`)
    const selector = meta(letter === 'i' ? 'iifname' : 'oifname')
    // iptables-legacy forgets the inversion.
    if (word.text === '+') return option.inverted && backend === 'nft' ? [is(selector, value(NO_NAME))] : []
    const plain = word.text.replace(/\+$/, '').replaceAll('*', '\\*')
    return [is(selector, value(word.text.endsWith('+') ? `${plain}*` : plain), option.inverted)]
  })
}

function protocol(option: CoreOption | undefined, { reader, family, backend }: RuleContext): Statement[] {
  if (option === undefined) return []
  const word = option.words[0]!
  const number = protocolNumber(reader, word)
  if (number === 0) {
    if (option.inverted) reader.fail(word, 'no packet is of no protocol')
    return []
  }
  // What iptables-nft looks at stops at an authentication header.
  if (family === 'ip6' && backend === 'legacy')
    return [xtables({ name: 'protocol', protocol: number, ...(option.inverted ? { invert: true } : {}) })]
  return [is(meta('l4proto'), value(number), option.inverted)]
}

function counter(option: CoreOption | undefined, { reader, counters }: RuleContext): Statement {
  const count = (word: Word) => {
    const number = unsigned(word.text)
    return number ?? reader.fail(word, `${word.text} is no count`)
  }
  if (option === undefined) return { kind: 'counter', ...counters }
  return { kind: 'counter', packets: count(option.words[0]!), bytes: count(option.words[1]!) }
}

const VERDICTS = { ACCEPT: 'accept', DROP: 'drop', RETURN: 'return' } as const

function target(
  { core, target }: Options,
  facts: RuleFacts,
  { reader, table }: RuleContext,
): readonly Statement[] {
  const jump = core.get('j')
  const go = core.get('g')
  if (jump !== undefined && go !== undefined)
    reader.fail(go.word, '-g and -j are two ways of going on: one of both')
  if (target !== undefined) {
    const { extension, given } = target
    if (extension.tables !== undefined && !extension.tables.includes(table.name))
      given.fail(`${given.module} is for the table ${extension.tables[0]}`)
    needProtocol(extension, given, facts)
    return extension.read(given, facts)
  }
  const word = (jump ?? go)?.words[0]
  if (word === undefined) return []
  if (jump !== undefined && Object.hasOwn(VERDICTS, word.text))
    return [{ kind: VERDICTS[word.text as keyof typeof VERDICTS] }]
  const chain = table.chains.get(word.text)
  if (chain === undefined) {
    const known = [...table.chains.values()].flatMap(({ name, policy }) =>
      policy === undefined ? [name] : [],
    )
    return reader.failUnknown(
      word,
      `there is no chain ${jump === undefined ? '' : 'or target '}${word.text}`,
      word.text,
      [...known, ...(jump === undefined ? [] : TARGET_NAMES)],
    )
  }
  if (chain.policy !== undefined)
    reader.fail(word, `${word.text} is a built-in chain: nothing can jump to it`)
  return [{ kind: jump === undefined ? 'goto' : 'jump', target: word.text }]
}
