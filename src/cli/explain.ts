import { type ExplainedPacket, explain as explainDescribed } from '../explain/described.js'
import { explanationData, explanationText } from '../explain/text.js'
import { ReplayError } from '../replay/error.js'
import type { Ruleset } from '../ruleset/model.js'
import { parseOptions } from './arguments.js'
import { Misuse } from './errors.js'
import { type CapturedPacket, explainCaptured } from './explain/captured.js'
import { loadPolicy, translated, translating } from './policy.js'

export const usage = `portcullis explain --policy RULES PACKET, or --policy RULES --capture FILE --packet N [--local ADDRESS/LENGTH,…]

Shows a packet's way through the rules: which expression failed where, what state was found, and what would change the verdict.

  PACKET   in tcp 10.0.0.7:40000 > 10.0.0.1:11434 [state new] [iif eth0] [flags syn]
           out udp 10.0.0.1:40000 > 198.51.100.53:53
           in icmp 10.0.0.7 > 10.0.0.1 [type echo-request]
           Quote it, as a shell takes > for itself; or write to. tcp from 10.0.0.7 to :11434 will do as well.
           Addresses of IPv6 stand in brackets before a port. Without a state, connection tracking says it.
  --local  the host's own addresses in the capture, which tell directions; guessed otherwise
  --all    shows every rule that was tried
  --json   prints an object

The packet meets the rules as they are when they were just loaded; one of a capture, after the packets before it.`

export async function explain(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseOptions(args, {
    policy: { type: 'string' },
    capture: { type: 'string' },
    packet: { type: 'string' },
    local: { type: 'string' },
    all: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  })
  const { policy, capture, packet, local } = values
  if (policy === undefined) throw new Misuse('explain needs rules: --policy RULES')
  if (capture === undefined && (packet ?? local) !== undefined)
    throw new Misuse('--packet and --local go with --capture FILE')
  if (capture !== undefined && positionals.length > 0)
    throw new Misuse(`either --capture FILE or a packet in words, not both: ${positionals[0]}`)
  const { ruleset } = loadPolicy([policy])
  const text = positionals.join(' ')
  if (capture === undefined && text === '')
    throw new Misuse("explain needs a packet: 'in tcp 10.0.0.7:40000 > 10.0.0.1:11434'")
  const { title, explanation, changes } =
    capture === undefined
      ? translating(() => explainDescribed(ruleset, text))
      : await captured(ruleset, {
          file: capture,
          number: numberOf(packet),
          ...(local !== undefined && { local: local.split(',') }),
        })
  process.stdout.write(
    values.json
      ? `${JSON.stringify(explanationData(title, explanation, changes))}\n`
      : explanationText(title, explanation, changes, values.all),
  )
}

async function captured(ruleset: Ruleset, packet: CapturedPacket): Promise<ExplainedPacket> {
  try {
    return await explainCaptured(ruleset, packet)
  } catch (error) {
    throw error instanceof ReplayError ? new Misuse(error.message) : translated(error)
  }
}

function numberOf(text: string | undefined): number {
  if (text === undefined || !/^[1-9]\d{0,14}$/.test(text))
    throw new Misuse('--capture FILE goes with --packet N, counted from 1 on')
  return Number(text)
}
