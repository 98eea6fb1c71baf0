/** `-m set`: whether an ipset holds a packet's addresses and ports (iptables-extensions(8)). */
import type { Expression, Statement } from '../../../ruleset/model.js'
import { compare, field, is, meta, value } from '../../../ruleset/nodes.js'
import { PROTOCOLS } from '../../../ruleset/symbols/protocols.js'
import { keyTypes, membersOf } from '../ipset/named.js'
import type { Part } from '../ipset/sets.js'
import type { MatchExtension, Options, RuleFacts } from './extension.js'
import type { Given } from './given.js'

const counting = { words: 0, invert: true } as const
const COUNTED = ['packets', 'bytes'].flatMap((unit) => ['eq', 'lt', 'gt'].map((how) => `${unit}-${how}`))
/** What looks at the extras of an element, or changes them. */
const UNREAD = ['return-nomatch', ...COUNTED]

const OPTIONS: Options = {
  'match-set': { words: 2, invert: true },
  set: { words: 2, invert: true, same: 'match-set' },
  'update-counters': counting,
  'update-subcounters': counting,
  'return-nomatch': { words: 0 },
  ...Object.fromEntries(COUNTED.map((name) => [name, { invert: true }])),
}

/** Whose first port is which. */
const PORTED = [PROTOCOLS.tcp!, PROTOCOLS.udp!]

export const set: MatchExtension = {
  options: OPTIONS,
  read(given, rule) {
    const option = given.need('match-set')
    const [name, flags] = option.words as [(typeof option.words)[0], (typeof option.words)[0]]
    const sides = flags.text.split(',')
    if (!sides.every((side) => side === 'src' || side === 'dst') || sides.length > 6)
      given.reader.fail(flags, `${flags.text} is no list of src and dst`)
    for (const each of UNREAD) {
      const extra = given.option(each)
      if (extra !== undefined) given.reader.refuse(extra.span, `--${each} of the match set is not read`)
    }
    const parts = partsOf(given, name, rule)
    if (sides.length < parts.length)
      given.reader.fail(
        flags,
        `${name.text} holds ${parts.length} parts, and this names ${sides.length}`,
        `such as ${parts.map(() => 'src').join(',')}`,
      )
    const { before, left } = keyOf(given, parts, sides, rule, option.inverted)
    const right: Expression = { kind: 'reference', name: rule.ipsets.use(name.text) }
    return [...before, is(left, right, option.inverted)]
  },
}

/** The parts of a set's elements. Fails if there is no such set, or none that packets of the family can be in. */
function partsOf(
  given: Given,
  name: { text: string; at: number; end: number },
  rule: RuleFacts,
): readonly Part[] {
  const { reader } = given
  const { sets } = rule.ipsets
  const ipset = sets.get(name.text)
  if (ipset === undefined)
    return reader.refuse(
      name,
      `there is no ipset ${name.text} here: it is in the kernel only`,
      'ipset save > ipsets writes them all: give that file as well, or put it beside this one',
    )
  const members = membersOf(ipset, sets, rule.family)
  const [first, ...others] = members
  if (first === undefined || (first.family ?? rule.family) !== rule.family)
    return reader.fail(
      name,
      `${name.text} holds no addresses of IPv${rule.family === 'ip' ? 4 : 6}`,
      ipset.family === undefined
        ? undefined
        : `${ipset.family === 'ip' ? 'iptables' : 'ip6tables'} can look into it`,
    )
  const types = keyTypes(first.parts, rule.family).join()
  if (others.some((other) => keyTypes(other.parts, rule.family).join() !== types))
    reader.refuse(name, `${name.text} lists sets of different types`, 'write a rule for each')
  return first.parts
}

function keyOf(
  given: Given,
  parts: readonly Part[],
  sides: readonly string[],
  { family, protocol = 0 }: RuleFacts,
  inverted: boolean,
): { before: Statement[]; left: Expression } {
  if (parts[0] === 'bare port') {
    const port = field('th', sides[0] === 'src' ? 'sport' : 'dport')
    if (PORTED.includes(protocol)) return { before: [], left: port }
    if (inverted)
      given.reader.refuse(
        given.span,
        'a set of ports that is inverted needs -p tcp or -p udp',
        'make a rule of each',
      )
    const elements = PORTED.map((number) => value(number) as never)
    return { before: [compare(meta('l4proto'), 'in', { kind: 'set', elements })], left: port }
  }
  const keys = parts.flatMap((part, i): Expression[] => {
    const way = sides[i] === 'src' ? 's' : 'd'
    return part === 'port' ? [meta('l4proto'), field('th', `${way}port`)] : [field(family, `${way}addr`)]
  })
  return { before: [], left: keys.length === 1 ? keys[0]! : { kind: 'concat', parts: keys } }
}
