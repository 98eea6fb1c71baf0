import { PcapngWriter } from '../capture/write.js'
import { deciderText } from '../replay/deciders.js'
import { ReplayError } from '../replay/error.js'
import type { Assumptions } from '../replay/host.js'
import { type JudgedPacket, type ReplayOptions, replay as run } from '../replay/replay.js'
import { parseOptions } from './arguments.js'
import { Failure, Misuse } from './errors.js'
import { loadPolicy, translated } from './policy.js'
import { type Expectation, isMet, parseExpectation } from './replay/expectation.js'
import { FlowLines } from './replay/flow-lines.js'
import { Output } from './replay/output.js'
import { packetLine } from './replay/packet-line.js'
import { Progress } from './replay/progress.js'
import { reportText } from './replay/text.js'

export const usage = `portcullis replay FILE… --policy RULES [--local ADDRESS/LENGTH,…] [--expect WHAT]…

Says what a policy would have done with the traffic of captures: pcap and pcapng, gzip or not, folders of them, - for
standard input; many are merged by time. Connections are tracked, windows and limits filled by the captures' own time.

  --policy RULES    a policy, or a ruleset in any language that Portcullis reads
  --local LIST      the host's own addresses, which tell directions: 10.0.0.50/16,fd00:10::50, with the length of their
                    network; ADDRESS/LENGTH@INTERFACE for others than the first interface. Guessed if they are missing
  -i NAME           the interface of captures that name none (default: eth0)
  --forward         the host forwards what is not for it
  --checksums       packets with wrong checksums are invalid: captures of the host itself have many that are not filled in
  --assume LIST     what captures do not tell: uid=0,gid=0 of the host's sockets, priority=0
  --expect WHAT     accept or drop: of every packet; or drops=0, accepts>=100, rejects<5, drops=all: exit code 1 otherwise
  --write FILE      writes what is dropped to a pcapng, with the deciding rule as each packet's comment
  --json            prints the report as JSON
  --ndjson[=packets|flows]
                    prints a line of JSON for each packet, or each flow, instead

Exit code 1 if an expectation is not met, 2 if a capture or the policy is no good. Of each packet it is said what the
host would have done with it as it came: what would not have come any more after a drop is judged all the same.`

const OUTPUTS = ['packets', 'flows'] as const
type LineOf = (typeof OUTPUTS)[number]

interface Options {
  readonly files: readonly string[]
  readonly policy: string
  readonly settings: ReplayOptions
  readonly expectations: readonly Expectation[]
  readonly write: string | undefined
  readonly json: boolean
  readonly ndjson: LineOf | undefined
}

export async function replay(args: readonly string[]): Promise<void> {
  const { files, policy, settings, expectations, write, json, ndjson } = parse(args)
  const loaded = loadPolicy([policy])
  const outputs: ((judged: JudgedPacket) => void)[] = []
  const out = new Output(process.stdout)
  const flows = ndjson === 'flows' ? new FlowLines((line) => out.print(line)) : undefined
  const progress = new Progress(process.stderr, () => performance.now())
  let writer: PcapngWriter | undefined
  try {
    if (flows !== undefined) outputs.push((judged) => flows.add(judged))
    else if (ndjson !== undefined) outputs.push((judged) => out.print(packetLine(judged)))
    if (write !== undefined) {
      const file = new PcapngWriter(write)
      writer = file
      outputs.push((judged) => {
        if (judged.outcome === 'drop' || judged.outcome === 'reject')
          file.copy(judged.capture, deciderText(judged.decider!))
      })
    }
    const onPacket = (judged: JudgedPacket) => {
      for (const output of outputs) output(judged)
    }
    const report = await run(files, loaded, {
      ...settings,
      ...(outputs.length === 0 ? {} : { onPacket }),
      onProgress: (now) => progress.show(now),
    })
    flows?.end()
    progress.clear()
    if (json) out.print(JSON.stringify(report))
    else if (ndjson === undefined) out.print(reportText(report, policy))
    for (const message of report.truncated) process.stderr.write(`${message}\n`)
    const missed = expectations.filter((each) => !isMet(each, report.outcomes))
    if (missed.length > 0) throw new Failure(missed.map(({ text }) => `not as expected: ${text}`).join('\n'))
  } catch (error) {
    if (error instanceof ReplayError) throw new Misuse(error.message)
    throw translated(error)
  } finally {
    progress.clear()
    out.flush()
    writer?.close()
  }
}

function parse(args: readonly string[]): Options {
  const { values, positionals } = parseOptions(
    args.map((arg) => (arg === '--ndjson' ? '--ndjson=packets' : arg)),
    {
      policy: { type: 'string' },
      local: { type: 'string' },
      interface: { type: 'string', short: 'i' },
      forward: { type: 'boolean', default: false },
      checksums: { type: 'boolean', default: false },
      assume: { type: 'string', default: '' },
      expect: { type: 'string', multiple: true, default: [] },
      write: { type: 'string' },
      json: { type: 'boolean', default: false },
      ndjson: { type: 'string' },
    },
  )
  const { policy, local, json, ndjson, write } = values
  if (positionals.length === 0) throw new Misuse('replay needs captures: FILE…, or - for standard input')
  if (policy === undefined) throw new Misuse('replay needs rules: --policy RULES')
  const output = OUTPUTS.find((one) => one === ndjson)
  if (ndjson !== undefined && output === undefined) throw new Misuse(`--ndjson is ${OUTPUTS.join(' or ')}`)
  if (json && ndjson !== undefined) throw new Misuse('--json and --ndjson print to the same place: take one')
  const settings = {
    forward: values.forward,
    checksums: values.checksums,
    assume: assumptionsOf(values.assume),
    ...(local === undefined ? {} : { local: local.split(',') }),
    ...(values.interface === undefined ? {} : { interface: values.interface }),
  }
  const expectations = values.expect.map(parseExpectation)
  return { files: positionals, policy, settings, expectations, write, json, ndjson: output }
}

const ASSUMPTIONS: ReadonlySet<string> = new Set<keyof Assumptions>(['uid', 'gid', 'priority'])

function assumptionsOf(text: string): Assumptions {
  const pairs = text.split(',').filter((pair) => pair !== '')
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, name = '', number] = /^(\w+)=(\d{1,10})$/.exec(pair) ?? []
      if (!ASSUMPTIONS.has(name) || Number(number) >= 2 ** 32)
        throw new Misuse(`--assume ${pair}: expected uid=NUMBER, gid=NUMBER or priority=NUMBER`)
      return [name, Number(number)]
    }),
  )
}
