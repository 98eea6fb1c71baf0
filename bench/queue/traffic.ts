import { fileURLToPath } from 'node:url'
import type { VerdictName } from './contenders.js'
import { type Network, PEER_LINK, RELATED_PORT } from './network.js'
import { Helper, type Programs } from './programs.js'

/** Packets of one kind, which the policy gives one verdict. */
export interface Kind {
  readonly name: string
  readonly verdict: VerdictName
  /** The sources: the first address, and how many follow it. */
  readonly first: string
  readonly sources: number
  readonly port: number
}

const SYNS: readonly Kind[] = [
  // Each source within its limit of 20 a minute, in all the rounds of a run.
  { name: 'accept', verdict: 'accept', first: '10.0.4.0', sources: 60_000, port: 11434 },
  { name: 'accept without a limit', verdict: 'accept', first: '10.0.0.100', sources: 1, port: 8080 },
  { name: 'drop', verdict: 'drop', first: '198.51.0.0', sources: 60_000, port: 11434 },
]

/** The policy allows no UDP but what is related to a connection. */
const DATAGRAMS: readonly Kind[] = [
  { name: 'accept without a limit', verdict: 'accept', first: '', sources: 1, port: RELATED_PORT },
  { name: 'drop', verdict: 'drop', first: '', sources: 1, port: 11434 },
]

/** Sends packets from the peer. A process that lives on: a fork for each fill would cost our consumer page faults. */
export class Sender {
  readonly kinds: readonly Kind[]
  readonly #helper: Helper

  constructor(network: Network, programs: Programs | undefined) {
    this.kinds = programs === undefined ? DATAGRAMS : SYNS
    const datagrams = fileURLToPath(new URL('./datagrams.js', import.meta.url))
    this.#helper =
      programs === undefined
        ? new Helper(...network.atPeer(process.execPath, datagrams))
        : new Helper(...network.atPeer(programs.path('flood'), PEER_LINK))
  }

  /** Skip: how many of the sources, counted round and round, to begin after. */
  async send(
    count: number,
    { first, sources, port }: Kind,
    skip: number,
    destination: string,
  ): Promise<void> {
    this.#helper.say(`${count} ${first || '0.0.0.0'} ${sources} ${skip} ${destination} ${port}`)
    await this.#helper.line()
  }

  async stop(): Promise<void> {
    await this.#helper.stop()
  }
}
