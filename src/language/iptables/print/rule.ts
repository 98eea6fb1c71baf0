/** A rule as iptables -S prints it. */
import type { Expression, Match, Rule, Statement } from '../../../ruleset/model.js'
import { isSelector, selectorText } from '../../../ruleset/selectors.js'
import { PROTOCOLS } from '../../../ruleset/symbols/protocols.js'
import { symbolName } from '../../../ruleset/symbols/symbols.js'
import { xtablesModule } from '../../../ruleset/xtables.js'
import { allOnes, maskOf } from '../extensions/given.js'
import { tcpFlagNames } from './headers.js'
import { printMatch } from './matches.js'
import { printTarget } from './target.js'
import { type IpFamily, networkText, option, rangeText } from './words.js'

/** What is not of iptables. */
export class Unprintable extends Error {}

const UNITS = { second: 'sec', minute: 'min', hour: 'hour', day: 'day', week: 'week' } as const
const DEFAULT_BURST = 5

/** The words of a rule behind its chain. Throws Unprintable if iptables cannot say it. */
export function printRuleWords({ statements, comment }: Rule, family: IpFamily): string[] {
  const printer = new RulePrinter(family)
  for (const statement of statements) printer.add(statement)
  const remark = comment === undefined ? [] : ['-m', 'comment', '--comment', comment]
  return [...printer.header, ...printer.matches, ...remark, ...printer.target]
}

class RulePrinter {
  readonly header: string[] = []
  readonly matches: string[] = []
  readonly target: string[] = []
  readonly #family: IpFamily
  /** The module whose options nft's matches of its fields go on with. */
  #module: string | undefined

  constructor(family: IpFamily) {
    this.#family = family
  }

  add(statement: Statement): void {
    switch (statement.kind) {
      case 'match':
        this.#match(statement)
        break
      case 'xtables':
        this.#xtables(statement)
        break
      case 'limit': {
        const { rate, per, burst, over, rateUnit } = statement
        if (over || rateUnit !== undefined || per === 'week') throw new Unprintable('this limit')
        this.#load('limit', option('limit', `${rate}/${UNITS[per]}`))
        if (burst !== DEFAULT_BURST) this.matches.push(...option('limit-burst', burst))
        break
      }
      case 'counter':
        break
      default: {
        const words = printTarget(statement, this.#family)
        if (words === undefined || this.target.length > 0) throw new Unprintable(statement.kind)
        this.target.push(...words)
      }
    }
  }

  #load(module: string, words: readonly string[]): void {
    this.#module = undefined
    this.matches.push('-m', module, ...words)
  }

  #xtables(match: Extract<Statement, { kind: 'xtables' }>): void {
    if (match.name === 'protocol') {
      this.header.push(...inverted('-p', protocolName(match.protocol), match.invert))
      return
    }
    const words = printMatch(match, this.#family)
    if (words === undefined) throw new Unprintable(`-m ${xtablesModule(match)}`)
    const burst = match.name === 'limit' && match.burst === DEFAULT_BURST
    this.#load(xtablesModule(match), burst ? words.slice(0, -2) : words)
  }

  #match({ left, operator, right }: Match): void {
    const invert = operator === '!='
    const masked = left.kind === 'binary' && left.operator === '&' ? left : undefined
    const selector = masked === undefined ? left : masked.left
    if (!isSelector(selector)) throw new Unprintable('a computed match')
    const text = selectorText(selector)
    const words = this.#headerWords(text, right, masked?.right, invert)
    if (words !== undefined) {
      this.header.push(...words)
      return
    }
    const [module = '', name = ''] = text.split(' ')
    const ports = /^(?:tcp|udp) [sd]port$/.test(text) && (right.kind === 'value' || right.kind === 'range')
    const flags = text === 'tcp flags' && masked?.right.kind === 'flags' && right.kind === 'value'
    if (!ports && !flags) throw new Unprintable(text)
    if (this.#module !== module) {
      this.#load(module, [])
      this.#module = module
    }
    if (ports) this.matches.push(...option(name, rangeText(ends(right)), invert))
    else {
      const mask = Number((masked!.right as { bits: bigint }).bits)
      const set = Number((right as { value: bigint }).value)
      this.matches.push(...option('tcp-flags', tcpFlagNames(mask), invert), tcpFlagNames(set))
    }
  }

  /** Matches that stand before all others, as -s. */
  #headerWords(
    text: string,
    right: Expression,
    mask: Expression | undefined,
    invert: boolean,
  ): string[] | undefined {
    const family = this.#family
    switch (text) {
      case `${family} saddr`:
        return inverted('-s', network(right, mask, family), invert)
      case `${family} daddr`:
        return inverted('-d', network(right, mask, family), invert)
      case 'iifname':
        return name('-i', right, invert)
      case 'oifname':
        return name('-o', right, invert)
      case 'meta l4proto':
        return inverted('-p', protocolName(Number(single(right))), invert)
      case 'ip frag-off':
        return invert ? ['-f'] : ['!', '-f']
      default:
        return undefined
    }
  }
}

function inverted(word: string, value: string, invert: boolean | undefined): string[] {
  return [...(invert ? ['!'] : []), word, value]
}

function single(right: Expression): bigint | string {
  if (right.kind !== 'value') throw new Unprintable('a list of values')
  return right.value
}

function ends(right: Expression): { from: bigint; to: bigint } {
  if (right.kind === 'range') return right
  const value = single(right) as bigint
  return { from: value, to: value }
}

function network(right: Expression, mask: Expression | undefined, family: IpFamily): string {
  if (right.kind === 'prefix') return networkText(right.base, maskOf(right.length, family), family)
  const bits = mask === undefined ? allOnes(family) : (single(mask) as bigint)
  return networkText(single(right) as bigint, bits, family)
}

function name(word: string, right: Expression, invert: boolean): string[] {
  const text = String(single(right))
  // What iptables-nft compares with where nothing is to match.
  if (text === 'INVAL/D') return ['!', word, '+']
  const plain = text.endsWith('*') && !text.endsWith('\\*') ? `${text.slice(0, -1)}+` : text
  return inverted(word, plain.replaceAll('\\*', '*'), invert)
}

function protocolName(number: number): string {
  return symbolName(PROTOCOLS, number) ?? String(number)
}
