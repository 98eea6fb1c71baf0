/** What is wrong in a regular expression, and at which UTF-16 unit of it. */
export class RegexError extends Error {
  readonly offset: number

  constructor(message: string, offset: number) {
    super(message)
    this.offset = offset
  }
}

/** A place in a text that moves forward. */
export class Scanner {
  readonly text: string
  at = 0

  constructor(text: string) {
    this.text = text
  }

  get done(): boolean {
    return this.at >= this.text.length
  }

  looksAt(literal: string): boolean {
    return this.text.startsWith(literal, this.at)
  }

  take(literal: string): boolean {
    if (!this.looksAt(literal)) return false
    this.at += literal.length
    return true
  }

  /** Whether a sticky pattern fits here. */
  peek(pattern: RegExp): boolean {
    pattern.lastIndex = this.at
    return pattern.test(this.text)
  }

  /** Takes what a sticky pattern fits here, if it is such a one. */
  match(pattern: RegExp, such?: (match: RegExpExecArray) => boolean): RegExpExecArray | undefined {
    pattern.lastIndex = this.at
    const match = pattern.exec(this.text)
    if (match === null || such?.(match) === false) return undefined
    this.at += match[0].length
    return match
  }

  /** The next code point. */
  next(): number {
    const code = this.text.codePointAt(this.at)!
    this.at += code > 0xffff ? 2 : 1
    return code
  }

  error(message: string): RegexError {
    return new RegexError(message, this.at)
  }
}
