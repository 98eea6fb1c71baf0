/** Applies the commands of iptables to tables, one after the other (iptables(8), COMMANDS). */
import type { Rule } from '../../ruleset/model.js'
import type { Backend, IpFamily } from './extensions/extension.js'
import { TARGET_NAMES } from './extensions/known.js'
import { ChainState, type Firewall, type HeldRule, keyOf, TABLES, type TableState } from './firewall.js'
import { type CoreOption, type Options, readOptions } from './options.js'
import type { Reader } from './reader.js'
import { readRule } from './rule.js'
import type { Word } from './words.js'

export interface CommandContext {
  readonly reader: Reader
  readonly firewall: Firewall
  readonly family: IpFamily
  readonly backend: Backend
  /** The table of a restored file, in which a command names none. */
  readonly table?: string
  readonly counters?: { readonly packets: bigint; readonly bytes: bigint }
}

/** XT_EXTENSION_MAXNAMELEN less its end. */
const LONGEST_CHAIN = 28
/** Options that go with a rule. */
const RULE_OPTIONS = ['p', 's', 'd', 'i', 'o', 'f', 'j', 'g']
/** Commands that only show or ask something. */
const SHOWING = 'LSC'

/** Throws Unusable, with the error reported, if the command makes no sense. */
export function applyCommand(words: readonly Word[], context: CommandContext): void {
  const { reader, family } = context
  const options = readOptions(reader, words, family)
  const { command, core } = options
  const first = words[0]
  if (command === undefined) {
    if (first !== undefined)
      reader.fail(first, 'this command says not what is to be done', '-A CHAIN appends a rule')
    return
  }
  // A rule may be meant for the other family's program only.
  if (SHOWING.includes(command.letter) || core.has(family === 'ip' ? '6' : '4')) return
  const table = tableOf(options, context)
  const takesRule = 'ADIR'.includes(command.letter) && !(command.letter === 'D' && command.words.length > 1)
  if (!takesRule) {
    const stray = RULE_OPTIONS.map((letter) => core.get(letter)).find((option) => option !== undefined)
    if (stray !== undefined)
      reader.fail(stray.word, `${stray.word.text} does not go with ${command.word.text}`)
    const match = options.matches[0]
    if (match !== undefined) reader.fail(match.given.span, `-m does not go with ${command.word.text}`)
  }
  new Application(context, table, options, command).run()
}

/** The table that is meant; one that is not read is refused. */
export function tableNamed(reader: Reader, word: Word): string {
  const { text } = word
  if (Object.hasOwn(TABLES, text)) return text
  if (text === 'nat')
    return reader.refuse(word, 'the table nat is not read: it rewrites addresses', 'leave it in the kernel')
  if (text === 'security') return reader.refuse(word, 'the table security is not read: it is SELinux’s')
  return reader.failUnknown(word, `there is no table ${text}`, text, Object.keys(TABLES))
}

function tableOf(
  { core, command }: Options,
  { reader, firewall, family, table }: CommandContext,
): TableState {
  const option = core.get('t')
  if (option !== undefined && table !== undefined)
    reader.fail(option.word, 'here the table is that of the line with *')
  const name = table ?? (option === undefined ? 'filter' : tableNamed(reader, option.words[0]!))
  return firewall.table(family, name, reader.position(command!.word))
}

class Application {
  readonly #context: CommandContext
  readonly #reader: Reader
  readonly #table: TableState
  readonly #options: Options
  readonly #command: CoreOption

  constructor(context: CommandContext, table: TableState, options: Options, command: CoreOption) {
    this.#context = context
    this.#reader = context.reader
    this.#table = table
    this.#options = options
    this.#command = command
  }

  run(): void {
    const [first, second] = this.#command.words
    switch (this.#command.letter) {
      case 'A': {
        const chain = this.#chain(first!)
        chain.rules.push(...this.#rules(chain))
        break
      }
      case 'I': {
        const chain = this.#chain(first!)
        const at = second === undefined ? 0 : this.#number(second, chain.rules.length + 1)
        for (const held of this.#rules(chain)) chain.rules.splice(at, 0, held)
        break
      }
      case 'R':
        this.#replace(first!, second!)
        break
      case 'D':
        this.#delete(first!, second)
        break
      case 'F':
        for (const chain of this.#chains(first)) chain.rules = []
        break
      case 'Z':
        for (const chain of this.#chains(first)) this.#zero(chain, second)
        break
      case 'N':
        this.#add(first!)
        break
      case 'X':
        this.#remove(first)
        break
      case 'E':
        this.#rename(first!, second!)
        break
      case 'P':
        this.#policy(first!, second!)
    }
  }

  #chain(word: Word): ChainState {
    const chain = this.#table.chains.get(word.text)
    if (chain !== undefined) return chain
    const { name } = this.#table
    return this.#reader.failUnknown(word, `there is no chain ${word.text} in the table ${name}`, word.text, [
      ...this.#table.chains.keys(),
    ])
  }

  #chains(word: Word | undefined): Iterable<ChainState> {
    return word === undefined ? this.#table.chains.values() : [this.#chain(word)]
  }

  /** The place of a rule in its chain, from its number. */
  #number(word: Word, most: number): number {
    const number = /^\d{1,9}$/.test(word.text) ? Number(word.text) : 0
    if (number < 1 || number > most)
      this.#reader.fail(word, `${word.text} is no rule's number here: 1 to ${most}`)
    return number - 1
  }

  #rules(chain: ChainState): HeldRule[] {
    const { reader, family, backend, counters } = this.#context
    const { rows, comment } = readRule(this.#options, {
      reader,
      family,
      backend,
      table: this.#table,
      chain: chain.name,
      ...(counters === undefined ? {} : { counters }),
    })
    const position = reader.position(this.#command.word)
    return rows.map((statements) => {
      const rule: Rule = { statements, ...(comment === undefined ? {} : { comment }), position }
      return { rule, key: keyOf(statements, comment) }
    })
  }

  #replace(name: Word, number: Word): void {
    const chain = this.#chain(name)
    const at = this.#number(number, chain.rules.length)
    const [rule, more] = this.#rules(chain)
    if (more !== undefined)
      this.#reader.fail(this.#command.word, 'one rule can be replaced by one only: these addresses make more')
    chain.rules[at] = rule!
  }

  #delete(name: Word, number: Word | undefined): void {
    const chain = this.#chain(name)
    if (number !== undefined) {
      chain.rules.splice(this.#number(number, chain.rules.length), 1)
      return
    }
    for (const { key } of this.#rules(chain)) {
      const at = chain.rules.findIndex((held) => held.key === key)
      if (at < 0) this.#reader.fail(this.#command.word, `there is no such rule in ${chain.name}`)
      chain.rules.splice(at, 1)
    }
  }

  #zero(chain: ChainState, number: Word | undefined): void {
    const only = number === undefined ? undefined : this.#number(number, chain.rules.length)
    chain.rules = chain.rules.map((held, at) => {
      if (only !== undefined && only !== at) return held
      const statements = held.rule.statements.map((each) =>
        each.kind === 'counter' ? { kind: each.kind } : each,
      )
      return { ...held, rule: { ...held.rule, statements } }
    })
  }

  #add(word: Word): void {
    checkChainName(this.#reader, word)
    if (this.#table.chains.has(word.text)) this.#reader.fail(word, `there is a chain ${word.text} already`)
    this.#table.chains.set(word.text, newChain(this.#reader, word))
  }

  #remove(word: Word | undefined): void {
    if (word === undefined) {
      const own = [...this.#table.chains.values()].filter(({ policy }) => policy === undefined)
      for (const chain of own) this.#removable(this.#command.word, chain)
      for (const chain of own) this.#table.chains.delete(chain.name)
      return
    }
    const chain = this.#chain(word)
    if (chain.policy !== undefined)
      this.#reader.fail(word, `${chain.name} is a built-in chain: it cannot be deleted`)
    this.#removable(word, chain)
    this.#table.chains.delete(chain.name)
  }

  #removable(word: Word, chain: ChainState): void {
    if (chain.rules.length > 0)
      this.#reader.fail(
        word,
        `the chain ${chain.name} has rules: it cannot be deleted`,
        `-F ${chain.name} empties it`,
      )
    const [leading] = this.#table.leadingTo(chain.name)
    if (leading !== undefined)
      this.#reader.fail(
        word,
        `a rule leads to the chain ${chain.name}: it cannot be deleted`,
        placeOf(leading),
      )
  }

  #rename(old: Word, word: Word): void {
    const chain = this.#chain(old)
    if (chain.policy !== undefined)
      this.#reader.fail(old, `${chain.name} is a built-in chain: it keeps its name`)
    checkChainName(this.#reader, word)
    if (this.#table.chains.has(word.text)) this.#reader.fail(word, `there is a chain ${word.text} already`)
    this.#table.rename(chain, word.text)
  }

  #policy(name: Word, word: Word): void {
    const chain = this.#chain(name)
    if (chain.policy === undefined)
      this.#reader.fail(name, `${chain.name} is no built-in chain: it has no policy`)
    chain.policy = policyNamed(this.#reader, word)
    chain.position = this.#reader.position(this.#command.word)
  }
}

function placeOf({ rule: { position } }: HeldRule): string | undefined {
  return position && `that is in ${position.file}:${position.line}`
}

export function newChain(reader: Reader, word: Word): ChainState {
  return new ChainState(word.text, undefined, reader.position(word))
}

export function policyNamed(reader: Reader, word: Word): 'accept' | 'drop' {
  if (word.text === 'ACCEPT') return 'accept'
  if (word.text === 'DROP') return 'drop'
  return reader.fail(word, `${word.text} is no policy: ACCEPT or DROP`)
}

/** What a chain of one's own may be called. */
export function checkChainName(reader: Reader, word: Word): void {
  const { text } = word
  if (text.length < 1 || text.length > LONGEST_CHAIN)
    reader.fail(word, `a chain has a name of 1 to ${LONGEST_CHAIN} letters`)
  if (/^[-!]|[\s"\p{Cc}]/u.test(text)) reader.fail(word, `${text} is no name of a chain`)
  if (TARGET_NAMES.includes(text)) reader.fail(word, `${text} is a target: a chain cannot be called so`)
}
