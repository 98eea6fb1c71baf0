import type { Position } from '../../ruleset/model.js'
import { type Diagnostic, suggest } from '../diagnostic.js'
import type { Span } from '../nft/ast.js'
import type { Source } from '../nft/source.js'
import { type Reports, Unusable } from '../reports.js'

/** A text that is being read, and where its errors go. */
export class Reader {
  readonly source: Source
  readonly reports: Reports
  /** What is passed over instead of being an error: there if that was asked for. */
  readonly left: Diagnostic[] | undefined

  constructor(source: Source, reports: Reports, left?: Diagnostic[]) {
    this.source = source
    this.reports = reports
    this.left = left
  }

  position({ at }: Pick<Span, 'at'>): Position {
    return this.source.positionOf(at)
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

  /** Reports an error and gives up what is being read. */
  fail(span: Span, message: string, hint?: string): never {
    this.report(span, message, hint)
    throw new Unusable()
  }

  /** Gives up what is right but nothing that portcullis reads: an error, unless such is passed over. */
  refuse(span: Span, message: string, hint?: string): never {
    if (this.left === undefined) return this.fail(span, message, hint)
    this.passOver(span, message, hint)
    throw new Unusable()
  }

  /** Notes what is passed over. */
  passOver({ at, end }: Span, message: string, hint?: string): void {
    const position = this.source.positionOf(at)
    this.left?.push({
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
}
