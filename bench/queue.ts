/** How fast does the queue drain, and what does it add to a round trip, beside consumers in plain C? */
import { probe } from 'node-netfilter-queue'
import { drain } from './queue/drain.js'
import { latency } from './queue/latency.js'
import { Network } from './queue/network.js'
import { Missing, Programs } from './queue/programs.js'
import type { Report } from './report.js'

export async function queue(report: Report): Promise<void> {
  try {
    // What the bench installs could cut a machine off, and nothing that it sends may leave.
    if (process.env.PORTCULLIS_SANDBOX !== '1')
      throw new Missing('it runs in a sandbox only: npm run bench -- queue')
    const probed = probe()
    if (!probed.ok) throw new Missing(probed.error.message)
    await measure(report)
  } catch (error) {
    tell(error instanceof Missing ? error.message : (error as Error).stack!)
    process.exitCode = 1
  }
}

async function measure(report: Report): Promise<void> {
  const programs = await Programs.compile()
  if (programs === undefined)
    tell('no C compiler (cc): no rivals, no round trips, and UDP from Node in place of the SYNs')
  try {
    const network = await Network.build()
    try {
      await drain(report, network, programs)
      if (programs !== undefined) await latency(report, network, programs)
    } finally {
      await network.remove()
    }
  } finally {
    programs?.remove()
  }
}

function tell(message: string): void {
  process.stderr.write(`bench queue: ${message}\n`)
}
