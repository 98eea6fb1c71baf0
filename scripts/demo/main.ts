// npm start: the policy of chapter 8 against real traffic, in a network that exists for the length of the demo.
import { spawnSync } from 'node:child_process'
import { type Ask, startAgent } from './agents.js'
import { Gate, type LogLine } from './gate.js'
import { FAMILIES, type Family, type Host, hosts, server } from './hosts.js'
import { buildNetwork, inside } from './network.js'
import { after, chapters, type Step } from './steps.js'
import { bold, dim, green, red, Table } from './table.js'

const POLICY = 'examples/ai-server.yaml'

/** Comes last, when portcullis has ended. */
const nothingLeft: Step = {
  title: 'its firewall rules, once it has ended',
  from: server.name,
  to: server.name,
  expected: 'none',
  async run(family) {
    const save = family === 'IPv4' ? 'iptables-save' : 'ip6tables-save'
    const { stdout } = spawnSync(...inside(server, save), { encoding: 'utf8' })
    const rules = stdout.split('\n').filter((line) => line.startsWith('-A')).length
    return rules === 0 ? 'none' : `${rules} rules`
  },
}

async function demo(): Promise<boolean> {
  say(`${bold('Portcullis')} guards an AI server with ${POLICY}: chapter 8, tried for real.`)
  await buildNetwork(hosts)
  const gate = new Gate(server, POLICY)
  const agents = new Map<Host, Ask>()
  const [started] = await Promise.all([
    Date.now(),
    gate.ready(),
    ...hosts.map(async (host) => agents.set(host, await startAgent(host))),
  ])
  say(`${dim(`Each in a network namespace of its own: ${legend()}`)}\n`)

  const table = new Table([...chapters, { title: 'Afterwards', steps: [nothingLeft] }])
  const run = async (step: Step) => {
    const tries = FAMILIES.map(async (family: Family) => {
      const progress = (text: string) => table.set(step, family, text, false)
      table.set(step, family, await step.run(family, (host) => agents.get(host)!, progress), true)
    })
    await Promise.all(tries)
  }
  await runAll(
    chapters.flatMap((chapter) => chapter.steps),
    run,
  )
  const trouble = await gate.stop()
  await run(nothingLeft)
  table.finish()

  showLog(gate.log)
  const { met, different } = table.count()
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  const result = different === 0 ? green('all as expected') : red(`${different} DIFFERENT`)
  say(`\n${bold(`${met} of ${met + different}`)} expectations met, ${result}, in ${seconds} s`)
  if (trouble) say(red(trouble))
  return different === 0 && !trouble
}

/** Who is who, a few hosts a line. */
function legend(): string {
  const entries = hosts.map(({ name, IPv4, IPv6 }) => `\n  ${name.padEnd(14)} ${IPv4.padEnd(13)} ${IPv6}`)
  return entries.join('')
}

/** Everything at once, but for the steps that wait for another. */
async function runAll(steps: readonly Step[], run: (step: Step) => Promise<void>): Promise<void> {
  const done = new Map<Step, Promise<void>>()
  for (const step of steps) {
    const first = after.get(step)
    done.set(step, first ? done.get(first)!.then(() => run(step)) : run(step))
  }
  await Promise.all(done.values())
}

/** What portcullis itself has to say: its books, and of the denied connections one for each reason and port. */
function showLog(log: readonly LogLine[]): void {
  const summary = log.findLast(({ event }) => event === 'summary')
  if (summary) say(`\nportcullis judged: ${summary.accepted} packets accepted, ${summary.dropped} dropped`)
  const denied = log.filter(({ event }) => event === 'denied')
  const different = new Map(denied.map((line) => [`${line.reason} ${line.destinationPort}`, line]))
  say(`portcullis logged: ${denied.length} denied connections, for instance`)
  for (const line of different.values()) {
    const way = `${endpoint(line.source, line.sourcePort)} → ${endpoint(line.destination, line.destinationPort)}`
    say(
      `  ${String(line.hook).padEnd(6)}  ${line.protocol}  ${way.padEnd(50)}  ${red(`${line.rule}: ${line.reason}`)}`,
    )
  }
}

function endpoint(address: unknown, port: unknown): string {
  return String(address).includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

if (process.env.PORTCULLIS_SANDBOX !== '1') {
  process.stderr.write('portcullis: the demo runs in a sandbox of its own: npm start\n')
  process.exit(1)
}
// Everything below lives in the sandbox and goes with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    say('\ninterrupted: the demo and its network are gone')
    process.exit(130)
  })
}
try {
  process.exit((await demo()) ? 0 : 1)
} catch (error) {
  process.stderr.write(`portcullis: ${(error as Error).message}\n`)
  process.exit(1)
}
