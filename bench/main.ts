/** npm run bench [-- NAME… --json]: prints figures; a file of this folder is one question. */
import { parseArgs } from 'node:util'
import { banLatency } from './ban-latency.js'
import { bans } from './bans.js'
import { capture } from './capture.js'
import { classify } from './classify.js'
import { diffs } from './diff.js'
import { filter } from './filter.js'
import { flows } from './flows.js'
import { judge } from './judge.js'
import { parse } from './parse.js'
import { queue } from './queue.js'
import { replay } from './replay.js'
import { type Report, reporter } from './report.js'
import { sets } from './sets.js'
import { window } from './window.js'

const BENCHES: Readonly<Record<string, (report: Report) => void | Promise<void>>> = {
  judge: (report) => judge(report, values.heap),
  classify: (report) => classify(report, files),
  diff: (report) => diffs(report, files),
  filter,
  window,
  queue,
  parse,
  sets,
  capture,
  replay,
  flows,
  bans: (report) => (values.latency ? banLatency(report) : bans(report)),
}

const { values, positionals } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    /** judge: the heap before and after 100 million packets. */
    heap: { type: 'boolean', default: false },
    /** classify, diff: files of a list and its trace. */
    list: { type: 'string' },
    trace: { type: 'string' },
    /** bans: from a line of a log to the ban. */
    latency: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const files =
  values.list === undefined || values.trace === undefined
    ? undefined
    : { list: values.list, trace: values.trace }
const unknown = positionals.filter((name) => !Object.hasOwn(BENCHES, name))
if (unknown.length > 0) {
  process.stderr.write(`no such bench: ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}\n`)
  process.exit(2)
}
const report = reporter(values.json)
for (const name of positionals.length > 0 ? positionals : Object.keys(BENCHES)) await BENCHES[name]!(report)
