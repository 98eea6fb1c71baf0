/** Packets in words, explained. */
import { LanguageError } from '../language/diagnostic.js'
import type { Names } from '../language/traffic/endpoint.js'
import { namesOf } from '../language/traffic/names.js'
import { formatSample, type Sample, samplesOf } from '../language/traffic/samples.js'
import { parseTraffic } from '../language/traffic/traffic.js'
import { TextError } from '../language/traffic/words.js'
import type { Ruleset } from '../ruleset/model.js'
import { type Change, changesOf } from './changes.js'
import { Explainer, type Explanation, interfacesOf, packetOf, wayOf } from './explain.js'

export interface ExplainedPacket {
  /** The packet in words. */
  readonly title: string
  readonly explanation: Explanation
  readonly changes: readonly Change[]
}

/**
 * Why a packet is judged as it is by rules that were just loaded: `in tcp 10.0.0.7:40000 > 10.0.0.1:11434`. Throws
 * LanguageError if it is not one packet, RulesetError if anything in the ruleset cannot be evaluated.
 */
export function explain(policy: Ruleset | { readonly ruleset: Ruleset }, text: string): ExplainedPacket {
  const ruleset = 'ruleset' in policy ? policy.ruleset : policy
  const sample = readSample(text, namesOf(ruleset))
  const way = wayOf(sample)
  const explainer = new Explainer(ruleset, { interfaces: interfacesOf(sample) })
  const explanation = explainer.explain(packetOf(sample), way, 0)
  const later = (wait: number) => explainer.judge(packetOf(sample), way, wait)
  return { title: formatSample(sample), explanation, changes: changesOf(ruleset, sample, explanation, later) }
}

function readSample(text: string, names: Names): Sample {
  try {
    const [sample, ...more] = samplesOf(parseTraffic(text, names), text)
    if (more.length === 0) return sample!
    const hint = `describe one, such as ${formatSample(sample!)}`
    throw new TextError({ start: 0, end: text.length }, `these are ${more.length + 1} packets`, hint)
  } catch (error) {
    if (!(error instanceof TextError)) throw error
    const { span, message, hint } = error
    const position = { file: 'packet', line: 1, column: span.start + 1 }
    throw new LanguageError([{ position, length: span.end - span.start, message, hint }], text)
  }
}
