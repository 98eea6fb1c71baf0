import { type DateFound, DateTemplate } from './template.js'

const CLOCK = '%k:%M:%S(?:\\.%f)?'
const MONTH_DAY = '(?:%a )?%b %d'

/** Ways to write a date that are looked for, first at the start of a line. */
const FREE = [
  '%ExY(?P<_sep>[-/.])%m(?P=_sep)%d(?:T|  ?)%H:%M:%S(?:[.,]%f)?(?:\\s*%z)?',
  `${MONTH_DAY} ${CLOCK}(?: %ExY)?`,
  `${MONTH_DAY} %ExY ${CLOCK}`,
  '%d(?P<_sep>[-/])%m(?P=_sep)(?:%ExY|%Exy) %k:%M:%S',
  '%d(?P<_sep>[-/])%b(?P=_sep)%ExY[ :]?%H:%M:%S(?:\\.%f)?(?: %z)?',
  '%m/%d/%ExY:%H:%M:%S',
  `%m-%d-%ExY ${CLOCK}`,
  'EPOCH',
  '%Exy%Exm%Exd  ?%H:%M:%S',
  '%b %d, %ExY %I:%M:%S %p',
  '%ExY%Exm%Exd(?:T|  ?)%ExH%ExM%ExS(?:[.,]%f)?(?:\\s*%z)?',
  `(?:%Z )?${MONTH_DAY} ${CLOCK}(?: %ExY)?`,
  `(?:%z )?${MONTH_DAY} ${CLOCK}(?: %ExY)?`,
  'TAI64N',
] as const
/** Ways that are looked for at the start only. */
const ANCHORED = ['{^LN-BEG}%H:%M:%S', '^<%m/%d/%Exy@%H:%M:%S>', '^%b-%d-%Exy %k:%M:%S'] as const
/** What AI servers write and fail2ban does not know: GIN; pino, zap and other JSON; klog; vLLM. */
const AI_SERVERS = [
  '%ExY(?P<_sep>[-/])%Exm(?P=_sep)%Exd - %H:%M:%S(?:[.,]%f)?',
  '"(?:time|ts|timestamp|t)" ?: ?"?({LEPOCH})',
  '^[IWEF](%Exm%Exd %ExH:%ExM:%ExS(?:\\.%f)?)',
  '%Exm-%Exd %ExH:%ExM:%ExS(?:[.,]%f)?',
] as const

/** Whatever is looked for unless a jail says otherwise, in this order. */
const DEFAULTS = [
  ...FREE.map((pattern) => `{^LN-BEG}${pattern}`),
  ...ANCHORED,
  ...FREE,
  ...AI_SERVERS,
] as const

const templates = new Map<string, DateTemplate>()

/** Templates keep nothing of lines: one of a pattern is enough. Throws RegexError. */
function templateOf(pattern: string): DateTemplate {
  const known = templates.get(pattern)
  if (known !== undefined) return known
  const template = new DateTemplate(pattern)
  templates.set(pattern, template)
  return template
}

/** The templates of a line of `datepattern`. Throws RegexError. */
function templatesOf(pattern: string): DateTemplate[] {
  const key = pattern.toUpperCase()
  if (key === '{DEFAULT}') return DEFAULTS.map(templateOf)
  if (key === '{^LN-BEG}') return DEFAULTS.map(templateOf).filter(({ anchored }) => anchored)
  if (key === '{NONE}') return [templateOf('{UNB}^')]
  if (!/(?<!\\)\{DATE\}/i.test(pattern)) return [templateOf(pattern)]
  const places = [...FREE, ...ANCHORED].map((one) => one.replace(/^\{\^LN-BEG\}|^\^/, ''))
  return places
    .filter((one) => one !== 'EPOCH' && one !== 'TAI64N')
    .concat('{EPOCH}')
    .map((one) => templateOf(pattern.replace(/(?<!\\)\{DATE\}/gi, () => one)))
}

/**
 * Finds the dates of lines as fail2ban does: of what fits, the first that stands at the start of the line, or else what
 * stands earliest. What fitted last is tried first, and taken if it stands as it stood.
 */
export class DateDetector {
  readonly #anchored: readonly DateTemplate[]
  readonly #free: readonly DateTemplate[]
  readonly #zone: number | undefined
  #last: DateTemplate | undefined
  #lastStart = 0
  #lastNeighbours = ''

  /**
   * patterns: lines of `datepattern`; none: everything that is known. zone: minutes east of UTC where a line says
   * none; undefined: the machine's. Throws RegexError.
   */
  constructor(patterns: readonly string[], zone: number | undefined) {
    const found = new Set(patterns.length === 0 ? templatesOf('{DEFAULT}') : patterns.flatMap(templatesOf))
    this.#anchored = [...found].filter(({ anchored }) => anchored)
    this.#free = [...found].filter(({ anchored }) => !anchored)
    this.#zone = zone
  }

  /** Whether dates are looked for at the start of lines only. */
  get anchored(): boolean {
    return this.#free.length === 0
  }

  /** Has its regexes compiled for such lines. */
  prepare(ascii: boolean): void {
    for (const template of [...this.#anchored, ...this.#free]) template.prepare(ascii)
  }

  /** ascii: whether the line has characters of ASCII only. now: milliseconds since 1970. */
  find(line: string, ascii: boolean, now: number): DateFound | undefined {
    const last = this.#last
    const again = last?.find(line, ascii, this.#zone, now)
    if (last?.anchored && again?.time !== undefined) return again
    let unreadable: DateFound | undefined
    for (const template of this.#anchored) {
      const found = template === last ? again : template.find(line, ascii, this.#zone, now)
      if (found?.time !== undefined) return this.#remember(template, found, line)
      unreadable ??= found
    }
    // A date of no known zone, or an empty one: it is cut out all the same.
    if (unreadable !== undefined) return unreadable
    if (again?.time !== undefined && this.#standsAsBefore(again, line))
      return this.#remember(last!, again, line)
    let earliest: DateFound | undefined
    let earliestTemplate: DateTemplate | undefined
    for (const template of this.#free) {
      const found = template === last ? again : template.find(line, ascii, this.#zone, now)
      if (found === undefined || (earliest !== undefined && found.start >= earliest.start)) continue
      earliest = found
      earliestTemplate = template
    }
    return earliest && this.#remember(earliestTemplate!, earliest, line)
  }

  #standsAsBefore(found: DateFound, line: string): boolean {
    return found.start === this.#lastStart || neighbours(found, line) === this.#lastNeighbours
  }

  #remember(template: DateTemplate, found: DateFound, line: string): DateFound {
    this.#last = template
    this.#lastStart = found.start
    this.#lastNeighbours = neighbours(found, line)
    return found
  }
}

function neighbours({ start, end }: DateFound, line: string): string {
  return line.charAt(start - 1) + line.charAt(end)
}
