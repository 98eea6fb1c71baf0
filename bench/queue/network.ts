import { readFileSync } from 'node:fs'
import { MARK_MASK, STATES } from '../../src/queue/marks.js'
import { Missing, run } from './programs.js'

const PEER = 'bench-peer'
const GATE_LINK = 'bench0'
/** Its link in the peer's namespace. */
export const PEER_LINK = 'bench1'
/** UDP to this port belongs, says its mark, to a connection that is known. */
export const RELATED_PORT = 9
/** The peer is the proxy of the chapter, the only one that may talk to the web UI, and without a limit. */
const PEER_ADDRESS = '10.0.0.100'

const hex = (value: number) => `0x${value.toString(16)}`
const setState = (name: string) =>
  `-j MARK --set-xmark ${hex(STATES.find((state) => state.name === name)!.mark)}/${hex(MARK_MASK)}`

/** One consumer's queue, and the address whose packets go there. */
export interface Place {
  readonly queue: number
  readonly address: string
}

/** Where packets meet no queue. */
export const OPEN_ADDRESS = '10.0.0.50'
export const place = (index: number): Place => ({ queue: 4000 + index, address: `10.0.0.${51 + index}` })
const PLACES = 3

/** What the kernel says of a queue. */
export interface QueueState {
  readonly waiting: number
  readonly queueDropped: number
  readonly userDropped: number
}

/** The gate, which is this namespace, and a peer in one of its own, on one wire. */
export class Network {
  private constructor() {}

  static async build(): Promise<Network> {
    const network = new Network()
    try {
      const addresses = [OPEN_ADDRESS, ...Array.from({ length: PLACES }, (_, i) => place(i).address)]
      await batch([
        `netns add ${PEER}`,
        `link add ${GATE_LINK} address 02:00:00:00:00:01 type veth peer name ${PEER_LINK} address 02:00:00:00:00:02 netns ${PEER}`,
        `link set ${GATE_LINK} up`,
        ...addresses.map((address) => `address add ${address}/16 dev ${GATE_LINK}`),
        // Replies to the flood's strangers are never sent, but a strict rp_filter asks for a way back.
        `route add default dev ${GATE_LINK}`,
      ])
      await batch([`link set ${PEER_LINK} up`, `address add ${PEER_ADDRESS}/16 dev ${PEER_LINK}`], PEER)
      return network
    } catch (error) {
      await network.remove()
      throw error
    }
  }

  /** New connections go to the queues; those that are accepted end right behind, the same way for everybody. */
  async divertFlood(): Promise<void> {
    await rules([
      '*mangle',
      `-A INPUT -i ${GATE_LINK} ${setState('NEW')}`,
      `-A INPUT -i ${GATE_LINK} -p udp --dport ${RELATED_PORT} ${setState('RELATED')}`,
      ...places(
        ({ queue, address }) => `-A INPUT -i ${GATE_LINK} -d ${address} -j NFQUEUE --queue-num ${queue}`,
      ),
      'COMMIT',
      '*filter',
      `-A INPUT -i ${GATE_LINK} -j DROP`,
      'COMMIT',
    ])
  }

  /** Every packet of a connection goes to the queues, in and out, and then its way. */
  async divertAll(): Promise<void> {
    await rules([
      '*mangle',
      `-A INPUT -i ${GATE_LINK} ${setState('NEW')}`,
      ...places(
        ({ queue, address }) => `-A INPUT -i ${GATE_LINK} -d ${address} -j NFQUEUE --queue-num ${queue}`,
      ),
      `-A OUTPUT -o ${GATE_LINK} ${setState('RELATED')}`,
      ...places(
        ({ queue, address }) => `-A OUTPUT -o ${GATE_LINK} -s ${address} -j NFQUEUE --queue-num ${queue}`,
      ),
      'COMMIT',
      '*filter',
      'COMMIT',
    ])
  }

  /** The command, with its arguments, that runs a program at the peer's. */
  atPeer(program: string, ...args: string[]): [string, string[]] {
    return ['nsenter', [`--net=/run/netns/${PEER}`, program, ...args]]
  }

  /** Undefined if nobody has bound the queue. */
  state({ queue }: Place): QueueState | undefined {
    const rows = queueTable().split('\n')
    const row = rows.map((line) => line.trim().split(/\s+/).map(Number)).find(([number]) => number === queue)
    return row && { waiting: row[2]!, queueDropped: row[5]!, userDropped: row[6]! }
  }

  async remove(): Promise<void> {
    await rules(['*mangle', 'COMMIT', '*filter', 'COMMIT']).catch(() => {})
    for (const what of [
      ['link', 'delete', GATE_LINK],
      ['netns', 'delete', PEER],
    ])
      await run('ip', what).catch(() => {})
  }
}

function queueTable(): string {
  try {
    return readFileSync('/proc/self/net/netfilter/nfnetlink_queue', 'latin1')
  } catch (error) {
    // The kernel shows it to the real root only, not to that of a user namespace.
    throw new Missing(`what waits in the queue cannot be seen, run it as root: ${(error as Error).message}`)
  }
}

function places(line: (place: Place) => string): string[] {
  return Array.from({ length: PLACES }, (_, i) => line(place(i)))
}

/** Replaces all rules of the tables that are named. */
async function rules(lines: readonly string[]): Promise<void> {
  await run('iptables-restore', ['--wait', '10'], `${lines.join('\n')}\n`)
}

async function batch(lines: readonly string[], namespace?: string): Promise<void> {
  const where = namespace === undefined ? [] : ['-netns', namespace]
  await run('ip', [...where, '-batch', '-'], `${lines.join('\n')}\n`)
}
