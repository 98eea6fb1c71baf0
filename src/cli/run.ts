import type { Logger } from 'pino'
import { compile } from '../engine/compile/compile.js'
import type { Program } from '../engine/program.js'
import { DivertError } from '../queue/divert/divert.js'
import { LIVE } from '../queue/environment.js'
import { Gate, GateError, type Summary } from '../queue/gate.js'
import { type Problem, RulesetError } from '../ruleset/check.js'
import type { Chain, Position, Ruleset } from '../ruleset/model.js'
import { DenialLog } from '../telemetry/denials.js'
import { openLog } from '../telemetry/log.js'
import { parseOptions } from './arguments.js'
import { Failure, Misuse } from './errors.js'
import { loadPolicy, translating } from './policy.js'

export const usage = `portcullis run --policy FILE [--queue N]

Stands at the gate: new connections, in and out, are judged by the policy until SIGINT or SIGTERM; then
everything is taken down. Needs root, iptables and the addon node-netfilter-queue.

  --policy FILE   the policy, or a ruleset of nft or its JSON
  --queue N       the netfilter queue to use, 0 to 65535 (default 1143)

Logs JSON lines, or text on a terminal. Should it be killed, what it installed stays and refuses new
connections while established ones go on: run it again, or take the rules down with portcullis down.`

const QUEUE = 1143
/** Milliseconds between two looks at the refused packets, and between two summaries. */
const DRAIN = 100
const SUMMARY = 60_000

export async function run(args: readonly string[]): Promise<void> {
  const { policy, queue } = parse(args)
  const { file, ruleset } = loadPolicy([policy])
  const program = translating(() => {
    checkCarriedOut(ruleset)
    return compile(ruleset, LIVE)
  })
  const log = openLog()
  const stop = stopSignal()
  let onBroken: (error: Failure) => void = () => {}
  const broken = new Promise<never>((_, reject) => {
    onBroken = reject
  })
  // Once the gate is being closed, nobody waits for it any more.
  broken.catch(() => {})
  const gate = await open(program, queue, onBroken, log)
  log.info(
    { event: 'ready', policy: file, queue, families: gate.families, rules: program.figures.rules },
    `judging new connections by ${file}`,
  )
  const denials = new DenialLog(log, program)
  const drain = setInterval(() => denials.write(gate.denials()), DRAIN)
  const summary = setInterval(() => tellSummary(gate, denials, log), SUMMARY)
  try {
    await Promise.race([stop, broken])
  } catch (error) {
    await gate.abandon()
    throw error
  } finally {
    clearInterval(drain)
    clearInterval(summary)
  }
  const last = await explained(gate.close())
  denials.write(gate.denials())
  denials.tellSuppressed()
  logSummary(log, last, program)
  log.info({ event: 'stopped' }, 'stopped; the divert rules are gone')
}

function parse(args: readonly string[]): { policy: string; queue: number } {
  const { values, positionals } = parseOptions(args, {
    policy: { type: 'string' },
    queue: { type: 'string' },
  })
  if (positionals.length > 0) throw new Misuse(`run takes no ${positionals[0]}: its policy is --policy FILE`)
  if (values.policy === undefined) throw new Misuse('run needs a policy: --policy FILE')
  const queue = values.queue === undefined ? QUEUE : Number(values.queue)
  if (!Number.isInteger(queue) || queue < 0 || queue > 65535)
    throw new Misuse('--queue is a number, 0 to 65535')
  return { policy: values.policy, queue }
}

/** What the gate does not see must not seem to be guarded. Throws RulesetError if there is such. */
function checkCarriedOut({ tables }: Ruleset): void {
  const problems = tables.flatMap(({ chains }) => chains.flatMap((chain) => [...notCarriedOut(chain)]))
  if (problems.length > 0) throw new RulesetError(problems)
}

function* notCarriedOut({ name, base, rules, position }: Chain): Generator<Problem> {
  if (base !== undefined && base.hook !== 'input' && base.hook !== 'output')
    yield problem(
      `chain ${name} is at the hook ${base.hook}: run guards input and output only so far`,
      position,
    )
  for (const rule of rules) {
    for (const { kind } of rule.statements) {
      if (kind === 'reject' || kind === 'log')
        yield problem(`run does not carry out ${kind} so far: ${INSTEAD[kind]}`, rule.position)
    }
  }
}

const INSTEAD = {
  reject: 'use drop',
  log: 'what is refused is logged without it',
}

function problem(message: string, position: Position | undefined): Problem {
  return position === undefined ? { message } : { message, position }
}

async function open(
  program: Program,
  queue: number,
  onBroken: (error: Failure) => void,
  log: Logger,
): Promise<Gate> {
  const addon = await import('node-netfilter-queue').catch(() => undefined)
  if (addon === undefined)
    throw new Failure('the live queue needs the package node-netfilter-queue: npm install')
  const probed = addon.probe()
  if (!probed.ok) throw new Failure(probed.error.message)
  const opening = Gate.open(program, queue, ({ message, fatal }) => {
    log.error({ event: 'error', message }, message)
    if (fatal) onBroken(new Failure(`${message}; new connections are refused until portcullis runs again`))
  })
  return explained(opening)
}

/** What the gate failed with is the user's affair, not a fault of ours. */
async function explained<T>(action: Promise<T>): Promise<T> {
  try {
    return await action
  } catch (error) {
    if (error instanceof GateError || error instanceof DivertError) throw new Failure(error.message)
    throw error
  }
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve())
  })
}

async function tellSummary(gate: Gate, denials: DenialLog, log: Logger): Promise<void> {
  denials.tellSuppressed()
  try {
    logSummary(log, await gate.summary(), gate.program)
  } catch (error) {
    log.error({ event: 'error', message: (error as Error).message }, 'there is no summary')
  }
}

function logSummary(log: Logger, summary: Summary, program: Program): void {
  const { accepted, dropped, invalid, windows } = summary
  const limits = windows.map(
    ({ name, sources, refused, crowded }) => `${name}: ${sources} sources, ${refused + crowded} over`,
  )
  const message = [`${accepted} accepted, ${dropped} refused, ${invalid} invalid`, ...limits].join('; ')
  log.info({ event: 'summary', ...summary, rules: countsByName(summary, program) }, message)
}

/** Packets and bytes of the rules that count, by chain and name. */
function countsByName(
  summary: Summary,
  program: Program,
): Record<string, { packets: number; bytes: number }> {
  const named: Record<string, { packets: number; bytes: number }> = {}
  for (const rule of new Set(program.counters)) {
    const { comment, chain } = program.rules[rule]!
    const { packets, bytes } = summary.rules[rule]!
    const name = `${chain} ${comment ?? rule}`
    const known = named[name] ?? { packets: 0, bytes: 0 }
    named[name] = { packets: known.packets + packets, bytes: known.bytes + bytes }
  }
  return named
}
