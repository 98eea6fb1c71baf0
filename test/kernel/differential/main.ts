/**
 * npm run differential [-- --minutes N --packets N --rulesets N --seed N --no-kernel --conversations --import --explain --save
 * FOLDER]: rulesets and packets of all kinds, or conversations and what connection tracking makes of them, judged by the kernel
 * and by both of our evaluators, or by these alone; with --import, rulesets of iptables beside what import makes of them, both
 * judged by the kernel; with --explain, by the engine and by what `portcullis explain` says of it. Ends with the first bound
 * that is reached.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { explainUntil } from './explain.js'
import { compileJudge, KernelJudge } from './kernel-judge.js'
import { type Progress, Run } from './run.js'

/** Judges that wait for the kernel at a time. */
const JUDGES = 4
const EVERY = 10_000

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    packets: { type: 'string' },
    rulesets: { type: 'string' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    'no-kernel': { type: 'boolean', default: false },
    explain: { type: 'boolean', default: false },
    conversations: { type: 'boolean', default: false },
    import: { type: 'boolean', default: false },
    save: { type: 'string' },
  },
})

const bound = (text: string | undefined) => (text === undefined ? Number.POSITIVE_INFINITY : Number(text))
const until = performance.now() + bound(values.minutes) * 60_000
const packets = bound(values.packets)
if (values.explain) explainAll()
else await judgeAll()

function explainAll(): void {
  let last = performance.now()
  const difference = explainUntil({
    seed: Number(values.seed),
    packets,
    until,
    progress: (done) => {
      if (performance.now() - last < EVERY) return
      last = performance.now()
      process.stderr.write(`${done} packets explained\n`)
    },
  })
  process.stdout.write(
    `seed ${values.seed}: ${difference ?? 'every explanation says what the engine says'}\n`,
  )
  process.exitCode = difference === undefined ? 0 : 1
}

async function judgeAll(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-differential-'))
  const program = values['no-kernel'] ? undefined : compileJudge(folder)
  const run = new Run({
    seed: Number(values.seed),
    first: Number(values.first),
    until,
    packets,
    rulesets: bound(values.rulesets),
    conversations: values.conversations,
    imports: values.import,
    ...(values.save !== undefined && { save: values.save }),
  })

  const progress = ({ rulesets, packets, refused, unread, mismatches, unrepeated }: Progress) =>
    `${packets} packets over ${rulesets} rulesets, ${mismatches} mismatches` +
    ` (${refused} more rulesets refused by the kernel, ${unread} by us; ${unrepeated} differences that did not come again)`

  const timer = setInterval(() => process.stderr.write(`${progress(run.progress)}\n`), EVERY)
  const judges =
    program === undefined ? [undefined] : Array.from({ length: JUDGES }, () => new KernelJudge(program))
  try {
    await Promise.all(judges.map((judge) => run.work(judge)))
  } finally {
    clearInterval(timer)
    await Promise.all(judges.map((judge) => judge?.end()))
    rmSync(folder, { recursive: true, force: true })
  }
  for (const [what, count] of run.refusals()) process.stderr.write(`refused ${count} times: ${what}\n`)
  process.stdout.write(`seed ${values.seed}: ${progress(run.progress)}\n`)
  process.exitCode = run.progress.mismatches === 0 ? 0 : 1
}
