/** Files of iptables-save and ip6tables-save, as iptables-restore reads them. */
import { attempt } from '../reports.js'
import { applyCommand, checkChainName, newChain, policyNamed, tableNamed } from './commands.js'
import type { Backend, IpFamily } from './extensions/extension.js'
import { unsigned } from './extensions/given.js'
import { type Firewall, TABLES } from './firewall.js'
import { eachLine } from './lines.js'
import type { Reader } from './reader.js'
import { splitRestore, type Word } from './words.js'

export interface SaveOptions {
  readonly family: IpFamily
  readonly backend: Backend
  /** What was there stays (iptables-restore -n); else each table of the file begins empty. */
  readonly noflush?: boolean
}

/** Reads a file of tables, and applies it. */
export function readSave(reader: Reader, firewall: Firewall, options: SaveOptions): void {
  new SaveReader(reader, firewall, options).read()
}

class SaveReader {
  readonly #reader: Reader
  readonly #firewall: Firewall
  readonly #options: SaveOptions
  /** The table that is open: its line, and its name if it is read. */
  #open: { readonly word: Word; readonly name: string | undefined } | undefined

  constructor(reader: Reader, firewall: Firewall, options: SaveOptions) {
    this.#reader = reader
    this.#firewall = firewall
    this.#options = options
  }

  read(): void {
    const reader = this.#reader
    eachLine(reader, (start, line) => {
      const end = start + line.length
      const words = splitRestore(reader, start, end)
      if (words !== undefined && words.length > 0) attempt(() => this.#line(words))
      return end
    })
    if (this.#open !== undefined && !reader.reports.full)
      reader.report(this.#open.word, `the table is not closed: COMMIT is missing`)
  }

  #line(words: readonly Word[]): void {
    const [first] = words
    const word = first!
    if (word.text.startsWith('*')) this.#table(word)
    else if (this.#open === undefined)
      this.#reader.fail(word, `${word.text.slice(0, 40)} stands in no table`, '*filter opens one')
    else if (word.text === 'COMMIT') this.#open = undefined
    else if (this.#open.name === undefined) this.#passOver(word)
    else if (word.text.startsWith(':')) this.#chain(this.#open.name, words)
    else this.#rule(this.#open.name, words)
  }

  #table(word: Word): void {
    if (this.#open !== undefined)
      this.#reader.fail(word, 'the table before it is not closed: COMMIT is missing')
    const text = word.text.slice(1)
    const inner = { text, at: word.at + 1, end: word.end }
    // What is not read is refused by its rules: a table of empty chains does nothing.
    const known = Object.hasOwn(TABLES, text)
    if (!known && text !== 'nat' && text !== 'security') tableNamed(this.#reader, inner)
    this.#open = { word: inner, name: known ? text : undefined }
    if (known && this.#options.noflush !== true) this.#firewall.reset(this.#options.family, text)
    if (known) this.#firewall.table(this.#options.family, text, this.#reader.position(word))
  }

  #passOver(word: Word): void {
    if (word.text.startsWith(':')) return
    tableNamed(this.#reader, { ...word, text: this.#open!.word.text })
  }

  /** `:CHAIN POLICY [packets:bytes]` */
  #chain(name: string, [first, policy, counters, more]: readonly Word[]): void {
    const reader: Reader = this.#reader
    const word = { text: first!.text.slice(1), at: first!.at + 1, end: first!.end }
    if (policy === undefined) reader.fail(first!, 'this chain needs a policy, or - for none')
    if (counters !== undefined) this.#counters(counters)
    if (more !== undefined) reader.fail(more, `${more.text} is out of place here`)
    const table = this.#firewall.table(this.#options.family, name, reader.position(first!))
    const chain = table.chains.get(word.text)
    if (chain?.policy !== undefined) {
      if (policy.text !== '-') chain.policy = policyNamed(reader, policy)
      chain.position = reader.position(first!)
      return
    }
    if (policy.text !== '-') reader.fail(policy, `only a built-in chain has a policy: - stands for none`)
    // A chain that is there is emptied.
    if (chain !== undefined) chain.rules = []
    else {
      checkChainName(reader, word)
      table.chains.set(word.text, newChain(reader, word))
    }
  }

  #rule(table: string, words: readonly Word[]): void {
    const [first] = words
    const counted = first!.text.startsWith('[')
    const { family, backend } = this.#options
    applyCommand(counted ? words.slice(1) : words, {
      reader: this.#reader,
      firewall: this.#firewall,
      family,
      backend,
      table,
      ...(counted ? { counters: this.#counters(first!) } : {}),
    })
  }

  #counters(word: Word): { packets: bigint; bytes: bigint } {
    const [, packets = '', bytes = ''] = /^\[(\d+):(\d+)\]$/.exec(word.text) ?? []
    const counted = { packets: unsigned(packets), bytes: unsigned(bytes) }
    if (counted.packets === undefined || counted.bytes === undefined)
      return this.#reader.fail(word, `${word.text} is no counter: [packets:bytes]`)
    return counted as { packets: bigint; bytes: bigint }
  }
}
