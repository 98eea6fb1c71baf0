/** What is expected of a policy, read: which packets, and what is to become of them. */
import type { Position } from '../../ruleset/model.js'
import { type Diagnostic, inOrder, LanguageError } from '../diagnostic.js'
import type { Names } from '../traffic/endpoint.js'
import { regionOf, type TrafficRegion } from '../traffic/region.js'
import { type Sample, samplesOf } from '../traffic/samples.js'
import { parseTraffic } from '../traffic/traffic.js'
import { TextError } from '../traffic/words.js'
import { type Path, type Shape, YamlSource } from '../yaml.js'
import {
  CLAIMS,
  EXPECTATION_KEYS,
  type ExpectationData,
  type TestFile,
  testSchema,
  WANTED,
  type Wanted,
} from './schema.js'

/** Each of the samples, `count` times within a span, and what then becomes of one more. */
export interface PacketsClaim {
  readonly kind: 'packets'
  readonly wanted: Wanted
  readonly samples: readonly Sample[]
  readonly count: number
  /** Nanoseconds from the first packet to the end. */
  readonly span: number
  readonly afterwards?: Wanted
}

/** Never: none of the packets is accepted. Always: all are. */
export interface RegionClaim {
  readonly kind: 'region'
  readonly wanted: 'never' | 'always'
  readonly region: TrafficRegion
}

/** How many packets of a capture are accepted, and how many are not. */
export interface CaptureClaim {
  readonly kind: 'capture'
  /** As it was written: relative to the file that names it. */
  readonly capture: string
  readonly accepts?: 'all' | number
  readonly drops?: 'all' | number
  readonly local?: readonly string[]
}

export interface Expectation {
  readonly position: Position
  /** As it was written, in a line. */
  readonly text: string
  readonly claim: PacketsClaim | RegionClaim | CaptureClaim
}

const SHAPE: Shape<TestFile> = {
  schema: testSchema,
  keys: (path) => (path.length === 0 ? Object.keys(testSchema.shape) : EXPECTATION_KEYS),
  remedy: (section) =>
    section === 'policy' ? 'write policy: ../policy.yaml' : 'list what is expected under expect:',
}

/** A test file that was read. Throws LanguageError with everything that is wrong with its shape. */
export function readTestFile(text: string, file: string): YamlSource<TestFile> {
  return new YamlSource(text, file, SHAPE)
}

/** The expectations of a file. Names: those of the policy. Throws LanguageError with everything that makes no sense. */
export function readExpectations(
  source: YamlSource<{ readonly expect?: readonly ExpectationData[] | undefined }>,
  names: Names,
): Expectation[] {
  const reader = new Reader(source, names)
  const found = (source.data.expect ?? []).flatMap((data, i) => reader.read(data, ['expect', i]) ?? [])
  if (reader.diagnostics.length > 0) throw new LanguageError(inOrder(reader.diagnostics), source.text)
  return found
}

/** `20 x …`, and `… in 30s` behind it. */
const REPEATED = /^\s*(\d{1,9}) x (?=.)/
const SPAN = / in (\d{1,9})(ms|s|m|h)\s*$/
const NANOSECONDS: Readonly<Record<string, number>> = { ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }
const MOST_PACKETS = 100_000
const LONGEST_SPAN = 30 * 24 * 3600e9

class Reader {
  readonly diagnostics: Diagnostic[] = []
  readonly #source: YamlSource<unknown>
  readonly #names: Names

  constructor(source: YamlSource<unknown>, names: Names) {
    this.#source = source
    this.#names = names
  }

  read(data: ExpectationData, path: Path): Expectation | undefined {
    const position = this.#source.positionOf(path)
    const claims = [...CLAIMS, 'capture' as const].filter((key) => data[key] !== undefined)
    const [key, another] = claims
    if (key === undefined || another !== undefined) {
      const message = key === undefined ? 'it expects nothing' : `${key} and ${another} are two expectations`
      return this.#report(path, message, `one of ${[...CLAIMS, 'capture'].join(', ')}`)
    }
    const text = `${key}: ${data[key]}`
    if (key === 'capture') return this.#capture(data, path, text)
    const stray = (['accepts', 'drops', 'local'] as const).find((one) => data[one] !== undefined)
    if (stray !== undefined)
      return this.#report([...path, stray], `${stray} goes with capture`, 'take it away')
    const isPackets = key === 'accept' || key === 'drop' || key === 'reject'
    if (!isPackets && data.then !== undefined)
      return this.#report([...path, 'then'], `then goes with ${WANTED.join(', ')}`, 'take it away')
    try {
      const claim = isPackets ? this.#packets(data[key]!, key, data.then) : this.#region(data[key]!, key)
      const then = data.then === undefined ? '' : `, then ${data.then}`
      return { position, text: `${text}${then}`, claim }
    } catch (error) {
      if (!(error instanceof TextError)) throw error
      this.diagnostics.push(
        this.#source.diagnosticWithin([...path, key], error.span, error.message, error.hint),
      )
      return undefined
    }
  }

  #report(path: Path, message: string, hint: string): undefined {
    this.diagnostics.push(this.#source.diagnostic(path, message, hint))
  }

  #packets(whole: string, wanted: Wanted, then: Wanted | undefined): PacketsClaim {
    const [head = '', times] = REPEATED.exec(whole) ?? []
    const [tail = '', length, unit = 's'] = SPAN.exec(whole) ?? []
    const end = whole.length - tail.length
    const text = whole.slice(head.length, end)
    const count = Number(times ?? 1)
    if (count < 1 || count > MOST_PACKETS)
      throw new TextError({ start: 0, end: head.length }, `${count} packets`, `1 to ${MOST_PACKETS} packets`)
    const span = Number(length ?? 0) * NANOSECONDS[unit]!
    if (span > LONGEST_SPAN)
      throw new TextError({ start: end + 1, end: whole.length }, 'the span is too long', 'at most 30 days')
    try {
      const samples = samplesOf(parseTraffic(text, this.#names), text)
      return {
        kind: 'packets',
        wanted,
        samples,
        count,
        span,
        ...(then !== undefined && { afterwards: then }),
      }
    } catch (error) {
      throw error instanceof TextError ? error.moved(head.length) : error
    }
  }

  #region(text: string, wanted: 'never' | 'always'): RegionClaim {
    const region = regionOf(parseTraffic(text, this.#names))
    if (region.include.length === 0)
      throw new TextError(
        { start: 0, end: text.length },
        'there is no such packet',
        'both ends are of one IP version',
      )
    return { kind: 'region', wanted, region }
  }

  #capture(data: ExpectationData, path: Path, text: string): Expectation | undefined {
    const { capture, accepts, drops, local } = data
    if (data.then !== undefined)
      return this.#report([...path, 'then'], `then goes with ${WANTED.join(', ')}`, 'take it away')
    if (accepts === undefined && drops === undefined)
      return this.#report(
        path,
        'it does not say what becomes of the packets',
        'add drops: all, or accepts: 12',
      )
    const counts = [
      accepts === undefined ? [] : `accepts ${accepts}`,
      drops === undefined ? [] : `drops ${drops}`,
    ].flat()
    return {
      position: this.#source.positionOf(path),
      text: `${text} ${counts.join(', ')}`,
      claim: {
        kind: 'capture',
        capture: capture!,
        ...(accepts !== undefined && { accepts }),
        ...(drops !== undefined && { drops }),
        ...(local !== undefined && { local: [local].flat() }),
      },
    }
  }
}
