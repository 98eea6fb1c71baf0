import type { Logger } from 'pino'
import type { BanRequest } from '../bans/table/table.js'
import { CONTROL_SOCKET } from '../control/client.js'
import { ControlError, ControlServer } from '../control/server.js'
import { compile } from '../engine/compile/compile.js'
import type { Program } from '../engine/program.js'
import type { BanSettings } from '../queue/bans/messages.js'
import { DivertError } from '../queue/divert/divert.js'
import { LIVE } from '../queue/environment.js'
import { Gate, type Summary } from '../queue/gate.js'
import { GateError } from '../queue/gate-error.js'
import { logBans, logProblems } from '../telemetry/bans.js'
import { DenialLog } from '../telemetry/denials.js'
import { openLog } from '../telemetry/log.js'
import { parseOptions } from './arguments.js'
import { banSettings } from './ban-settings.js'
import { checkCarriedOut } from './carried-out.js'
import { banHandlers } from './control-handlers.js'
import { Failure, Misuse } from './errors.js'
import { LimitBans } from './limit-bans.js'
import { loadPolicy, translating } from './policy.js'

export const usage = `portcullis run --policy FILE [--jails DIR] [--queue N] [--state DIR] [--socket PATH]

Stands at the gate: new connections, in and out, are judged by the policy until SIGINT or SIGTERM; then
everything is taken down. Needs root, iptables and the addon node-netfilter-queue.

  --policy FILE   the policy, or a ruleset of nft or its JSON
  --jails DIR     a folder of fail2ban whose jails ban, beside those that the policy names
  --queue N       the netfilter queue to use, 0 to 65535 (default 1143)
  --state DIR     where bans are kept (default /var/lib/portcullis)
  --socket PATH   where it listens for portcullis bans, ban, unban and jails (default ${CONTROL_SOCKET})

Logs JSON lines, or text on a terminal. Should it be killed, what it installed stays and refuses new
connections while established ones go on: run it again, or take the rules down with portcullis down.`

const QUEUE = 1143
/** Milliseconds between two looks at the refused packets, and between two summaries. */
const DRAIN = 100
const SUMMARY = 60_000

export async function run(args: readonly string[]): Promise<void> {
  const { policy, queue, jails, state, socket } = parse(args)
  const { file, ruleset, bans } = loadPolicy([policy])
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
  const settings = banSettings(bans, jails === undefined ? [] : [jails], state)
  const gate = await open(program, queue, settings, onBroken, log)
  const control = await openControl(socket, gate, log)
  const { problems, restored, jails: running } = gate.bans.ready
  logProblems(log, problems)
  log.info(
    {
      event: 'ready',
      policy: file,
      queue,
      families: gate.families,
      rules: program.figures.rules,
      jails: running,
      restored,
    },
    `judging new connections by ${file}`,
  )
  const denials = new DenialLog(log, program)
  const limits = new LimitBans(bans?.limits ?? [], program, (requests) => void banAll(gate, requests, log))
  const write = () => denials.write(limits.notice(gate.denials()))
  const drain = setInterval(write, DRAIN)
  const summary = setInterval(() => tellSummary(gate, denials, log), SUMMARY)
  try {
    await Promise.race([stop, broken])
  } catch (error) {
    await gate.abandon()
    throw error
  } finally {
    clearInterval(drain)
    clearInterval(summary)
    await control.close()
  }
  const last = await explained(gate.close())
  write()
  denials.tellSuppressed()
  logSummary(log, last, program)
  log.info({ event: 'stopped' }, 'stopped; the divert rules are gone')
}

function parse(args: readonly string[]) {
  const { values, positionals } = parseOptions(args, {
    policy: { type: 'string' },
    queue: { type: 'string' },
    jails: { type: 'string' },
    state: { type: 'string' },
    socket: { type: 'string', default: CONTROL_SOCKET },
  })
  if (positionals.length > 0) throw new Misuse(`run takes no ${positionals[0]}: its policy is --policy FILE`)
  if (values.policy === undefined) throw new Misuse('run needs a policy: --policy FILE')
  const queue = values.queue === undefined ? QUEUE : Number(values.queue)
  if (!Number.isInteger(queue) || queue < 0 || queue > 65535)
    throw new Misuse('--queue is a number, 0 to 65535')
  const { policy, jails, state, socket } = values
  return { policy, queue, jails, state, socket }
}

async function open(
  program: Program,
  queue: number,
  bans: BanSettings,
  onBroken: (error: Failure) => void,
  log: Logger,
): Promise<Gate> {
  const addon = await import('node-netfilter-queue').catch(() => undefined)
  if (addon === undefined)
    throw new Failure('the live queue needs the package node-netfilter-queue: npm install')
  const probed = addon.probe()
  if (!probed.ok) throw new Failure(probed.error.message)
  const opening = Gate.open(program, {
    queue,
    bans,
    onError: ({ message, fatal }) => {
      log.error({ event: 'error', message }, message)
      if (fatal) onBroken(new Failure(`${message}; new connections are refused until portcullis runs again`))
    },
    onBanned: (made, would) => logBans(log, made, would),
  })
  return explained(opening)
}

/** A gate that nobody can speak with does not stay. */
async function openControl(socket: string, gate: Gate, log: Logger): Promise<ControlServer> {
  try {
    return await ControlServer.open(socket, banHandlers(gate.bans, log))
  } catch (error) {
    await gate.close()
    throw error instanceof ControlError ? new Failure(error.message) : error
  }
}

async function banAll(gate: Gate, requests: readonly BanRequest[], log: Logger): Promise<void> {
  try {
    logBans(log, await gate.bans.ask('ban', { requests }))
  } catch (error) {
    log.error({ event: 'error', message: (error as Error).message }, 'a limit could not ban')
  }
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
  const { accepted, dropped, invalid, windows, bans } = summary
  const limits = windows.map(
    ({ name, sources, refused, crowded }) => `${name}: ${sources} sources, ${refused + crowded} over`,
  )
  const banned = `${bans.bans} bans, ${bans.refused} refused by them`
  const message = [`${accepted} accepted, ${dropped} refused, ${invalid} invalid`, banned, ...limits].join(
    '; ',
  )
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
