/** Words of a short text with their places, and what is wrong at one of them. */

export interface Span {
  /** UTF-16 units from the text's start. */
  readonly start: number
  readonly end: number
}

export interface Word extends Span {
  readonly text: string
}

/** A text that is not what it should be: where in it, what is wrong, and what would be right. */
export class TextError extends Error {
  readonly span: Span
  readonly hint: string

  constructor({ start, end }: Span, message: string, hint: string) {
    super(message)
    this.span = { start, end }
    this.hint = hint
  }

  /** The same of a text that begins so many units before. */
  moved(by: number): TextError {
    const { start, end } = this.span
    return new TextError({ start: start + by, end: end + by }, this.message, this.hint)
  }
}

/** Options may stand in brackets, and an address of IPv6 does, before a port. */
const OPTION_BEGINS = /^\[(?=[a-z]+$)/

/** The words of a text; brackets around options are taken off. */
export function wordsOf(text: string): Word[] {
  return [...text.matchAll(/\S+/g)].map((match) => {
    let [word] = match
    let start = match.index
    if (OPTION_BEGINS.test(word)) {
      word = word.slice(1)
      start++
    } else if (word.endsWith(']') && !word.startsWith('[')) word = word.slice(0, -1)
    return { text: word, start, end: start + word.length }
  })
}
