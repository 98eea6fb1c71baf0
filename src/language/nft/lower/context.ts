/** What lowering a text needs to know: whose text it is, what its variables hold, and where errors go. */
import type { HookName } from '../../../packet/packet.js'
import type { Position, TableFamily } from '../../../ruleset/model.js'
import { suggest } from '../../diagnostic.js'
import { type Reports, Unusable } from '../../reports.js'
import type { ExpressionNode, LineNode, NameNode, Span } from '../ast.js'
import type { Source } from '../source.js'
import type { TableBuilder } from './builder.js'

/** Variables of a block and of those around it. */
export class Scope {
  readonly #parent: Scope | undefined
  readonly #variables = new Map<string, { value: ExpressionNode; source: Source }>()

  constructor(parent?: Scope) {
    this.#parent = parent
  }

  find(name: string): { value: ExpressionNode; source: Source } | undefined {
    return this.#variables.get(name) ?? this.#parent?.find(name)
  }

  hasOwn(name: string): boolean {
    return this.#variables.has(name)
  }

  define(name: string, value: ExpressionNode, source: Source): void {
    this.#variables.set(name, { value, source })
  }

  /** A scope of its own with the same variables. */
  copy(): Scope {
    const copy = new Scope(this.#parent)
    for (const [name, variable] of this.#variables) copy.#variables.set(name, variable)
    return copy
  }

  undefine(name: string): boolean {
    return this.#variables.delete(name)
  }

  names(): string[] {
    return [...this.#variables.keys(), ...(this.#parent?.names() ?? [])]
  }
}

/** How deep variables may lead to variables. */
const MAXIMUM_DEPTH = 32

export class Context {
  readonly source: Source
  readonly scope: Scope
  readonly reports: Reports
  readonly table: TableBuilder
  /** How many variables led here, so that one that leads to itself comes to an end. */
  readonly depth: number
  /** The one family that packets have behind the matches of the rule so far, if it is certain. */
  guessedFamily: 'ip' | 'ip6' | undefined
  /** The transport protocol that packets have behind the matches of the rule so far, if it is certain. */
  transport: number | undefined
  /** The hook of the rule's chain, if it is a base chain. */
  hook: HookName | undefined

  constructor(source: Source, scope: Scope, reports: Reports, table: TableBuilder, depth = 0) {
    this.source = source
    this.scope = scope
    this.reports = reports
    this.table = table
    this.depth = depth
  }

  get family(): TableFamily {
    return this.table.family
  }

  position({ at }: Span): Position {
    return this.source.positionOf(at)
  }

  /** Reports an error and gives up what is being lowered. */
  fail(span: Span, message: string, hint?: string): never {
    this.report(span, message, hint)
    throw new Unusable()
  }

  report({ at, end }: Span, message: string, hint?: string): void {
    const position = this.source.positionOf(at)
    this.reports.add({
      position,
      length: Math.max(1, end - at),
      message,
      ...(hint === undefined ? {} : { hint }),
    })
  }

  failUnknown(span: Span, message: string, word: string, known: Iterable<string>): never {
    const near = suggest(word, known)
    return this.fail(span, message, near === undefined ? undefined : `did you mean ${near}?`)
  }

  /** What a variable stands for, and where that is written; the node itself if it is none. */
  resolve<T extends ExpressionNode>(node: T): { node: ExpressionNode; context: Context } {
    if (node.kind !== 'variable') return { node, context: this }
    const name = node.name.text
    const found = this.scope.find(name)
    if (found === undefined)
      return this.failUnknown(node, `there is no variable $${name}`, name, this.scope.names())
    if (this.depth >= MAXIMUM_DEPTH) return this.fail(node, `$${name} leads to too many other variables`)
    const context = new Context(found.source, this.scope, this.reports, this.table, this.depth + 1)
    return context.resolve(found.value)
  }

  /** The text of a name, which may be a variable. */
  nameOf(node: NameNode): string {
    const resolved = this.resolve(node).node
    if (resolved.kind !== 'word') return this.fail(node, 'this variable holds no name')
    return resolved.text
  }
}

/** A line, and what it may refer to. */
export interface Placed {
  readonly line: LineNode
  readonly source: Source
  readonly scope: Scope
}
