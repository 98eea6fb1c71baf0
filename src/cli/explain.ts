import { changesOf } from '../explain/changes.js'
import { Explainer, interfacesOf, packetOf, wayOf } from '../explain/explain.js'
import { explanationData, explanationText } from '../explain/text.js'
import { LanguageError } from '../language/diagnostic.js'
import { namesOf } from '../language/traffic/names.js'
import { formatSample, type Sample, samplesOf } from '../language/traffic/samples.js'
import { parseTraffic } from '../language/traffic/traffic.js'
import { TextError } from '../language/traffic/words.js'
import type { Ruleset } from '../ruleset/model.js'
import { parseOptions } from './arguments.js'
import { BadInput, Misuse } from './errors.js'
import { loadPolicy, translating } from './policy.js'

export const usage = `portcullis explain --policy RULES PACKET

Shows a packet's way through the rules: which expression failed where, what state was found, and what would change the verdict.

  PACKET   in tcp 10.0.0.7:40000 > 10.0.0.1:11434 [state new] [iif eth0] [flags syn]
           out udp 10.0.0.1:40000 > 198.51.100.53:53
           in icmp 10.0.0.7 > 10.0.0.1 [type echo-request]
           Quote it, as a shell takes > for itself; or write to. tcp from 10.0.0.7 to :11434 will do as well.
           Addresses of IPv6 stand in brackets before a port. Without a state, connection tracking says it.
  --all    shows every rule that was tried
  --json   prints an object

The packet meets the rules as they are when they were just loaded.`

export function explain(args: readonly string[]): void {
  const { values, positionals } = parseOptions(args, {
    policy: { type: 'string' },
    all: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  })
  if (values.policy === undefined) throw new Misuse('explain needs rules: --policy RULES')
  const { ruleset } = loadPolicy([values.policy])
  const sample = readPacket(positionals.join(' '), ruleset)
  const way = wayOf(sample)
  const explainer = translating(() => new Explainer(ruleset, { interfaces: interfacesOf(sample) }))
  const explanation = explainer.explain(packetOf(sample), way, 0)
  const later = (wait: number) => explainer.judge(packetOf(sample), way, wait)
  const changes = changesOf(ruleset, sample, explanation, later)
  const title = formatSample(sample)
  process.stdout.write(
    values.json
      ? `${JSON.stringify(explanationData(title, explanation, changes))}\n`
      : explanationText(title, explanation, changes, values.all),
  )
}

/** The one packet that the words describe. */
function readPacket(text: string, ruleset: Ruleset): Sample {
  if (text === '') throw new Misuse("explain needs a packet: 'in tcp 10.0.0.7:40000 > 10.0.0.1:11434'")
  try {
    const samples = samplesOf(parseTraffic(text, namesOf(ruleset)), text)
    if (samples.length > 1)
      throw new Misuse(`these are ${samples.length} packets: describe one, as ${formatSample(samples[0]!)}`)
    return samples[0]!
  } catch (error) {
    if (error instanceof TextError) throw new BadInput(diagnose(text, error))
    throw error
  }
}

/** What is wrong with a packet on the command line, as compilers tell it. */
function diagnose(text: string, { span, message, hint }: TextError): string {
  const position = { file: 'packet', line: 1, column: span.start + 1 }
  return new LanguageError([{ position, length: span.end - span.start, message, hint }], text).message
}
