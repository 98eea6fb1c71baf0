import type { Position } from '../../ruleset/model.js'
import type { Problem } from '../problem.js'
import { Traced } from './traced.js'

/** Options by their names, in lower case. */
export type Section = Map<string, Traced>

export interface Ini {
  /** DEFAULT is among them. */
  readonly sections: Map<string, Section>
  readonly problems: Problem[]
}

/**
 * Reads the dialect of Python's ConfigParser as fail2ban sets it up: `name = value` or `name: value` in sections,
 * values that go on in lines further in, comments of whole lines (# and ;) and behind a blank (;). What cannot be
 * read is reported and left out.
 */
export function parseIni(text: string, file: string): Ini {
  return new IniReader(file).read(text)
}

class IniReader implements Ini {
  readonly sections = new Map<string, Section>()
  readonly problems: Problem[] = []
  readonly #file: string
  #section: Section | undefined
  /** Sections of this file that were opened by its own header. */
  readonly #opened = new Set<string>()
  #name: string | undefined
  #value: Traced[] = []
  /** Blanks before the option that may go on. */
  #indent = 0

  constructor(file: string) {
    this.#file = file
  }

  read(text: string): Ini {
    for (const [index, line] of text
      .replace(/^\ufeff/, '')
      .split(/\r\n|\r|\n/)
      .entries())
      this.#line(line, index + 1)
    this.#close()
    return this
  }

  #line(line: string, number: number): void {
    const comment = commentStart(line)
    const content = line.slice(0, comment).trimEnd()
    const indent = content.length - content.trimStart().length
    const value = content.trimStart()
    const position = { file: this.#file, line: number, column: indent + 1 }
    if (value === '') {
      if (comment === line.length && this.#name !== undefined) this.#value.push(Traced.at('', position))
      return
    }
    if (this.#name !== undefined && indent > this.#indent) {
      this.#value.push(Traced.at(value, position))
      return
    }
    const previous = this.#name
    this.#close()
    this.#indent = indent
    const header = /^\[(.+)\]/.exec(value)
    if (header) this.#open(header[1]!, position, value.length)
    else this.#option(value, position, previous)
  }

  #open(name: string, position: Position, length: number): void {
    if (this.#opened.has(name))
      this.problems.push({
        position,
        length,
        message: `section ${name} is there twice`,
        hint: 'put its options into one section; the later ones count',
      })
    this.#opened.add(name)
    this.#section = this.sections.get(name) ?? new Map()
    this.sections.set(name, this.#section)
  }

  #option(text: string, position: Position, previous: string | undefined): void {
    const option = /^(.*?)\s*[=:]\s*(.*)$/s.exec(text)
    if (this.#section === undefined) {
      this.problems.push({ position, length: text.length, message: 'an option stands in a [section]' })
    } else if (option === null || option[1] === '') {
      const hint = previous === undefined ? 'write name = value' : `indent it if it belongs to ${previous}`
      this.problems.push({ position, length: text.length, message: 'expected name = value', hint })
    } else {
      const name = option[1]!.toLowerCase()
      if (this.#section.has(name))
        this.problems.push({
          position,
          length: name.length,
          message: `${name} is there twice in its section`,
          hint: 'the later one counts',
        })
      this.#name = name
      const column = position.column + text.length - option[2]!.length
      this.#value = [Traced.at(option[2]!, { ...position, column })]
    }
  }

  #close(): void {
    if (this.#name === undefined) return
    let end = this.#value.length
    while (end > 1 && this.#value[end - 1]!.text === '') end--
    this.#section!.set(this.#name, Traced.join(this.#value.slice(0, end), '\n'))
    this.#name = undefined
  }
}

/** Where a line's comment starts; its length if it has none. */
function commentStart(line: string): number {
  if (/^\s*#/.test(line)) return line.indexOf('#')
  const inline = /(?:^|\s);/.exec(line)
  return inline === null ? line.length : inline.index + inline[0].length - 1
}
