// What the demo tries: everything that chapter 8 allows, and what it forbids.
import type { Outcome } from './agent.js'
import type { Ask } from './agents.js'
import {
  admin,
  client,
  colleague,
  elasticsearch,
  type Family,
  type Host,
  internet,
  management,
  outsider,
  postgres,
  proxy,
  redis,
  server,
} from './hosts.js'

export interface Step {
  readonly title: string
  readonly from: string
  readonly to: string
  readonly expected: Outcome
  /** Tries it; `progress` takes what can be said in the meantime. */
  readonly run: (
    family: Family,
    ask: (host: Host) => Ask,
    progress: (text: string) => void,
  ) => Promise<Outcome>
}

export interface Chapter {
  readonly title: string
  readonly steps: readonly Step[]
}

// A dropped SYN is sent again after a second: give up before, or one attempt would count as two.
const PATIENCE_FOR_DROPPED = 900
// What has to pass may take its time on a busy machine.
const PATIENCE_FOR_PASSED = 5_000

function attempt(title: string, from: Host, to: Host, port: number, expected: 'passed' | 'dropped'): Step {
  const patience = expected === 'passed' ? PATIENCE_FOR_PASSED : PATIENCE_FOR_DROPPED
  return {
    title,
    from: from.name,
    to: `${to.name}:${port}`,
    expected,
    run: (family, ask) => ask(from)({ what: 'connect', address: to[family], port, patience }),
  }
}

const BURST = 22

/** One after the other; the first connection is kept, for `goesOn`. */
const burst: Step = {
  title: `${BURST} connections in a row`,
  from: client.name,
  to: `${server.name}:11434`,
  expected: '20 of 22 passed',
  async run(family, ask, progress) {
    const counts = { passed: 0, dropped: 0 }
    for (let n = 0; n < BURST; n++) {
      const keep = n === 0
      const target = { address: server[family], port: 11434, patience: PATIENCE_FOR_DROPPED, keep }
      const outcome = await ask(client)({ what: 'connect', ...target })
      // The first that passes after a refused one, and anything but these two outcomes, is not what we came for.
      if (outcome !== 'passed' && outcome !== 'dropped') return `${outcome} at number ${n + 1}`
      if (outcome === 'passed' && counts.dropped > 0) return `passed again at number ${n + 1}`
      counts[outcome]++
      progress(`${counts.passed} passed`)
    }
    return `${counts.passed} of ${BURST} passed`
  },
}

const goesOn: Step = {
  title: 'the first of them goes on living',
  from: client.name,
  to: `${server.name}:11434`,
  expected: 'passed',
  run: (_family, ask) => ask(client)({ what: 'talk' }),
}

const loopback: Step = {
  title: "the server's own loopback",
  from: server.name,
  to: 'localhost:9090',
  expected: 'passed',
  run(family, ask) {
    const address = family === 'IPv4' ? '127.0.0.1' : '::1'
    return ask(server)({ what: 'connect', address, port: 9090, patience: PATIENCE_FOR_PASSED })
  },
}

export const chapters: readonly Chapter[] = [
  {
    title: 'Ollama, 20 new connections a minute for each internal source',
    steps: [
      burst,
      goesOn,
      attempt('another internal client', colleague, server, 11434, 'passed'),
      attempt('an outsider', outsider, server, 11434, 'dropped'),
    ],
  },
  {
    title: 'The web UI, through the proxy only',
    steps: [
      attempt('the proxy', proxy, server, 8080, 'passed'),
      attempt('a client past the proxy', client, server, 8080, 'dropped'),
      attempt('an outsider', outsider, server, 8080, 'dropped'),
    ],
  },
  {
    title: 'SSH for admins, and ports never exposed',
    steps: [
      attempt('the admin', admin, server, 22, 'passed'),
      attempt('an internal client', client, server, 22, 'dropped'),
      attempt('an outsider', outsider, server, 22, 'dropped'),
      attempt('a service nobody exposed', colleague, server, 9090, 'dropped'),
      attempt('the same, for the admin', admin, server, 9090, 'dropped'),
    ],
  },
  {
    title: 'Outbound, to the data stores and nowhere else',
    steps: [
      attempt('PostgreSQL', server, postgres, 5432, 'passed'),
      attempt('Redis', server, redis, 6379, 'passed'),
      attempt('Elasticsearch', server, elasticsearch, 9200, 'passed'),
      attempt('management SSH', server, management, 22, 'passed'),
      attempt("a data store's other port", server, postgres, 22, 'dropped'),
      attempt('the internet', server, internet, 443, 'dropped'),
      loopback,
    ],
  },
]

/** What must wait for another step; all other steps run at once. */
export const after: ReadonlyMap<Step, Step> = new Map([[goesOn, burst]])
