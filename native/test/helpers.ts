import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { ACCEPT, openQueue, type Queue, type QueueOptions, type QueueStatistics } from '../index.js'

/*
 * Everything here adds rules to the network namespace it runs in, so that one must be a throw-away:
 * one in which no interface but lo exists, as scripts/test makes it.
 */
const interfaces = readFileSync('/proc/thread-self/net/dev', 'latin1').match(/^\s*[^\s:|]+(?=:)/gm) ?? []
if (interfaces.some((name) => name.trim() !== 'lo')) {
  throw new Error('these tests change iptables rules: run them in a namespace of their own, with "npm test"')
}

const undo: (() => unknown)[] = []

/** Runs `action` when the test is over, last registered first. */
export function atEnd(action: () => unknown): void {
  undo.push(action)
}

afterEach(async () => {
  for (const action of undo.splice(0).reverse()) await action()
})

export const run = (command: string, ...parameters: string[]): string =>
  execFileSync(command, parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** Adds a rule until the test is over, e.g. rule('-t raw OUTPUT -p udp --dport 9 -j NFQUEUE --queue-num 3'). */
export function rule(text: string, iptables: 'iptables' | 'ip6tables' = 'iptables'): void {
  const words = text.split(' ')
  const at = words[0] === '-t' ? 2 : 0
  const change = (action: string) => run(iptables, '-w', ...words.slice(0, at), action, ...words.slice(at))
  change('-A')
  atEnd(() => change('-D'))
}

/** Opens a queue that is closed when the test is over. By default it accepts everything. */
export function open(options: QueueOptions, onBatch?: (queue: Queue, count: number) => void): Queue {
  const queue: Queue = openQueue(options, (count) => {
    if (onBatch) onBatch(queue, count)
    else queue.batch.verdict.fill(ACCEPT, 0, count)
  })
  atEnd(() => queue.close())
  return queue
}

/** A UDP socket that keeps what it receives; the kernel's usual buffer holds some 270 small packets. */
export async function receiver(port: number, address = '127.0.0.1'): Promise<{ messages: Buffer[] }> {
  const messages: Buffer[] = []
  const socket = await udp(address, port)
  socket.on('message', (message) => messages.push(message))
  return { messages }
}

export async function udp(address = '127.0.0.1', port = 0): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  atEnd(() => socket.close())
  socket.bind(port, address)
  await once(socket, 'listening')
  return socket
}

/** Sends one datagram a message, in order, and waits until all have left. */
export async function send(
  messages: (string | Uint8Array)[],
  port: number,
  address = '127.0.0.1',
): Promise<void> {
  const socket = await udp(address)
  await Promise.all(
    messages.map((message) => new Promise((resolve) => socket.send(message, port, address, resolve))),
  )
}

/** In a user namespace the kernel does not let its root read the queue table. */
export const hasTable = (() => {
  try {
    return readFileSync('/proc/thread-self/net/netfilter/nfnetlink_queue', 'latin1') !== undefined
  } catch {
    return false
  }
})()

/** The counters that come from the queue table, as they are expected; NaN where it cannot be read. */
export function table(counters: Partial<QueueStatistics>): Partial<QueueStatistics> {
  if (hasTable) return counters
  return Object.fromEntries(Object.keys(counters).map((name) => [name, Number.NaN]))
}

export const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `packet ${i}`)
export const texts = (messages: Buffer[]): string[] => messages.map(String)

export const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds))

export async function until(condition: () => boolean, what = condition.toString()): Promise<void> {
  const end = Date.now() + 4000
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited 4 s in vain: ${what}`)
    await sleep(2)
  }
}

/** The payload of UDP packet i of the batch, as text. */
export function payload(queue: Queue, i: number, headers = 28): string {
  const { buffer, offset, length } = queue.batch
  return Buffer.from(buffer.subarray(offset[i]! + headers, offset[i]! + length[i]!)).toString('latin1')
}

const fixtures = join(import.meta.dirname, 'fixtures')

export const fixture = (name: string): string => join(fixtures, name)

/** Compiles a C file of the fixtures into /run or wherever temporary files go; returns the file made. */
export function compile(output: string, ...parameters: string[]): string {
  if (!existsSync('/usr/bin/cc'))
    throw new Error('this test needs a C compiler: apt-get install build-essential')
  run('cc', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', '-o', output, ...parameters)
  return output
}

export interface Child {
  process: ChildProcess
  /** Everything it printed so far. */
  output(): string
  exit: Promise<number | null>
}

/** Starts a command; it is killed when the test is over. */
export function start(
  command: string[],
  options: { stdio?: number[]; env?: Record<string, string> } = {},
): Child {
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ['pipe', 'pipe', 'pipe', ...(options.stdio ?? [])],
    env: { ...process.env, ...options.env },
  })
  let output = ''
  child.stdout?.on('data', (data) => (output += data))
  child.stderr?.on('data', (data) => (output += data))
  const exit = once(child, 'close').then(([code]) => code as number | null)
  atEnd(async () => {
    child.kill('SIGKILL')
    await exit
  })
  return { process: child, output: () => output, exit }
}
