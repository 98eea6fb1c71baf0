/** A script as one transaction: its commands in their order, its definitions and includes. */
import type { Ruleset, TableFamily } from '../../../ruleset/model.js'
import { attempt, type Reports } from '../../reports.js'
import type { LineNode, NameNode, PathNode, Span, Verb } from '../ast.js'
import { parseText, type Start } from '../parse.js'
import type { Source } from '../source.js'
import { RulesetBuilder, TableBuilder } from './builder.js'
import { changeChain, declareChain, fillChain } from './chains.js'
import { changeRule } from './changes.js'
import { Context, type Placed, Scope } from './context.js'
import { changeElements, changeSet, finishSets } from './named-sets.js'
import { changeObject, changeWindow } from './objects.js'
import { refusal } from './statements.js'

/** Where included files come from. */
export interface Files {
  /** The text of a file; undefined if it cannot be read. */
  read(path: string): string | undefined
  /** The files that an include means: a path relative to the including file, or a pattern with `*`. */
  find(pattern: string, from: string): readonly string[]
}

/** How deep files may include others. */
const MAXIMUM_INCLUDES = 16
const MAXIMUM_FILES = 1000

export class Script {
  readonly builder: RulesetBuilder
  readonly reports: Reports
  readonly sources = new Map<string, Source>()
  readonly #files: Files | undefined
  readonly #open: string[] = []
  #included = 0
  #nowhere = new TableBuilder('inet', '', undefined)

  constructor(reports: Reports, files: Files | undefined, base?: Ruleset) {
    this.builder = new RulesetBuilder(base)
    this.reports = reports
    this.#files = files
  }

  /** Carries out a text's commands. What is wrong is in the reports; then the result is of no use. */
  run(text: string, file: string): void {
    const scope = new Scope()
    this.#open.push(file)
    for (const placed of this.#read(text, file, 'Script', scope)) {
      if (this.reports.full) return
      attempt(() => this.#command(placed))
    }
    for (const table of this.builder.tables.values()) finishSets(table, this.reports)
  }

  /** Carries out commands that were read from something else than text. */
  runTree(lines: readonly LineNode[], source: Source): void {
    const scope = new Scope()
    for (const line of lines) {
      if (this.reports.full) return
      attempt(() => this.#command({ line, source, scope }))
    }
    for (const table of this.builder.tables.values()) finishSets(table, this.reports)
  }

  /** The lines of a text and of what it includes; its definitions are made on the way. */
  *#read(text: string, file: string, start: Start, scope: Scope): Generator<Placed> {
    const { source, lines, diagnostics } = parseText(text, file, start)
    this.sources.set(file, source)
    for (const diagnostic of diagnostics) this.reports.add(diagnostic)
    yield* this.#expand(lines, source, scope, start)
  }

  *#expand(lines: readonly LineNode[], source: Source, outer: Scope, start: Start): Generator<Placed> {
    let scope = outer
    for (const line of lines) {
      const context = new Context(source, scope, this.reports, this.#nowhere)
      if (line.kind === 'chain' || line.kind === 'named set' || line.kind === 'command') {
        const block = line.kind === 'command' ? line.object : line
        if ('body' in block && block.body !== null) source.addBlock(block.at, block.end)
      }
      if (line.kind === 'define') {
        const { text } = line.name
        if (!line.again && scope.hasOwn(text))
          attempt(() => context.fail(line.name, `$${text} is defined already`, 'redefine changes it'))
        // What is above keeps what it saw.
        if (line.again) scope = scope.copy()
        scope.define(text, line.value, source)
      } else if (line.kind === 'undefine') {
        scope = scope.copy()
        if (!scope.undefine(line.name.text))
          attempt(() =>
            context.failUnknown(
              line.name,
              `there is no variable $${line.name.text}`,
              line.name.text,
              scope.names(),
            ),
          )
      } else if (line.kind === 'include') yield* this.#include(line.path.text, line.path, context, start)
      else if (line.kind === 'stray') context.report(line, 'there is no { that this } ends')
      else if (line.kind !== 'bad') yield { line, source, scope }
    }
  }

  *#include(pattern: string, span: Span, context: Context, start: Start): Generator<Placed> {
    const from = context.source.file
    const paths = this.#files?.find(pattern, from) ?? []
    // A pattern that fits nothing is no error, a file that is not there is one.
    if (paths.length === 0 && !/[*?[]/.test(pattern)) {
      context.report(span, `there is no file ${pattern}`)
      return
    }
    for (const path of paths) {
      if (
        this.#open.includes(path) ||
        this.#open.length >= MAXIMUM_INCLUDES ||
        ++this.#included > MAXIMUM_FILES
      ) {
        const why = this.#open.includes(path) ? `${path} includes itself` : 'too many files are included'
        context.report(span, `${why}: ${[...this.#open, path].slice(-4).join(' → ')}`)
        return
      }
      const text = this.#files!.read(path)
      if (text === undefined) {
        context.report(span, `${path} cannot be read`)
        continue
      }
      this.#open.push(path)
      yield* this.#read(text, path, start, context.scope)
      this.#open.pop()
    }
  }

  #command({ line, source, scope }: Placed): void {
    const context: Context = new Context(source, scope, this.reports, this.#nowhere)
    if (line.kind === 'refused') context.fail(line, refusal(line.word))
    if (line.kind !== 'command') return
    const { verb, object } = line
    if (object.kind === 'refused') context.fail(object, refusal(object.word))
    if (object.kind === 'ruleset') this.#ruleset(verb, object.family, object, context)
    else if (object.kind === 'table') this.#table(verb, object, context)
    else if ('path' in object) {
      const table = this.#tableOf(object.path as PathNode, object, context, verb)
      if (table !== undefined) this.#change(verb, object, new Context(source, scope, this.reports, table))
    }
  }

  #change(verb: Verb, object: LineNode, context: Context): void {
    switch (object.kind) {
      case 'chain':
        changeChain(verb, object, context, (lines) =>
          this.#placed(lines, context.source, context.scope, 'ChainLines'),
        )
        break
      case 'rule command':
        changeRule(verb, object, context)
        break
      case 'named set':
        changeSet(verb, object, context)
        break
      case 'add elements':
        changeElements(verb, object, context)
        break
      case 'object':
        changeObject(verb, object, context)
        break
      case 'window object':
        changeWindow(verb, object, context)
    }
  }

  #placed(lines: readonly LineNode[], source: Source, scope: Scope, start: Start): Placed[] {
    return [...this.#expand(lines, source, new Scope(scope), start)]
  }

  #ruleset(verb: Verb, family: string | null, span: Span, context: Context): void {
    if (verb !== 'flush') context.fail(span, `a whole ruleset can only be flushed`)
    for (const [key, table] of this.builder.tables) {
      if (family === null || table.family === family) this.builder.tables.delete(key)
    }
  }

  #tableOf(path: PathNode, span: Span, context: Context, verb: Verb): TableBuilder | undefined {
    const family = familyOf(path, span, context)
    const name = context.nameOf(path.table!)
    const table = this.builder.tables.get(`${family} ${name}`)
    if (table === undefined && verb === 'destroy') return undefined
    if (table !== undefined) return table
    const names = [...this.builder.tables.values()].map((table) => table.name)
    const elsewhere = [...this.builder.tables.values()].find((table) => table.name === name)
    if (elsewhere !== undefined)
      return context.fail(
        path.table as NameNode & Span,
        `there is no table ${family} ${name}`,
        `there is a table ${elsewhere.family} ${name}`,
      )
    return context.failUnknown(
      path.table as NameNode & Span,
      `there is no table ${family} ${name}`,
      name,
      names,
    )
  }

  #table(verb: Verb, node: Extract<LineNode, { kind: 'table' }>, context: Context): void {
    const family = familyOf(node.path, node, context)
    const name = context.nameOf(node.path.table!)
    const key = `${family} ${name}`
    const known = this.builder.tables.get(key)
    switch (verb) {
      case 'delete':
      case 'destroy':
        if (known === undefined && verb === 'delete') context.fail(node, `there is no table ${key}`)
        this.builder.tables.delete(key)
        return
      case 'flush':
        if (known === undefined) context.fail(node, `there is no table ${key}`)
        for (const chain of known!.chains.values()) chain.rules = []
        return
      case 'create':
        if (known !== undefined) context.fail(node, `there is a table ${key} already`)
        break
      case 'add':
        break
      default:
        context.fail(node, `${verb} does not go with a table`)
    }
    const table = known ?? new TableBuilder(family, name, context.position(node))
    this.builder.tables.set(key, table)
    if (node.body === null) return
    const lines = [...this.#expand(node.body, context.source, new Scope(context.scope), 'TableLines')]
    this.#fill(table, lines)
  }

  /** Carries out what stands in a table's braces. Chains first, then sets, then rules: they may name each other in any order. */
  #fill(table: TableBuilder, lines: readonly Placed[]): void {
    const chains: { filled: () => void }[] = []
    const each = (action: (line: LineNode, context: Context, placed: Placed) => void) => {
      for (const placed of lines) {
        if (this.reports.full) return
        attempt(() =>
          action(placed.line, new Context(placed.source, placed.scope, this.reports, table), placed),
        )
      }
    }
    each((line, context, { source, scope }) => {
      if (line.kind === 'comment') table.comment = line.text
      else if (line.kind === 'refused') context.fail(line, refusal(line.word))
      else if (line.kind === 'flags') {
        for (const flag of line.flags) {
          if (flag.text !== 'dormant')
            context.failUnknown(flag, `there is no flag ${flag.text} of tables`, flag.text, ['dormant'])
          table.dormant = true
        }
      } else if (line.kind === 'chain') {
        const body = this.#placed(line.body ?? [], source, scope, 'ChainLines')
        const chain = declareChain(line, body, context)
        chains.push({ filled: () => fillChain(chain, body, table, this.reports) })
      }
    })
    each((line, context) => {
      if (line.kind === 'object') changeObject('add', line, context)
      else if (line.kind === 'window object') changeWindow('add', line, context)
    })
    each((line, context) => {
      if (line.kind === 'named set') changeSet('add', line, context)
    })
    for (const { filled } of chains) filled()
  }
}

function familyOf({ family = 'ip' }: PathNode, span: Span, context: Context): TableFamily {
  if (family === 'ip' || family === 'ip6' || family === 'inet') return family
  return context.fail(span, `family ${family} is not Portcullis' own: it reads ip, ip6 and inet`)
}
