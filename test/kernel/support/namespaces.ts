/** Hosts for kernel tests: network namespaces inside the sandbox, joined by a virtual cable. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export const SERVER = { name: 'server', ipv4: '10.0.0.50', ipv6: 'fd00:10::50' } as const
export const CLIENT = { name: 'client', ipv4: '10.0.0.7', ipv6: 'fd00:10:0:7::7' } as const
export type Host = typeof SERVER | typeof CLIENT

const children = new Set<ChildProcess>()

/** Makes the two hosts and the cable between them. */
export function makeHosts(): void {
  for (const { name } of [SERVER, CLIENT]) ip('netns', 'add', name)
  ip(
    'link',
    'add',
    'eth0',
    'netns',
    SERVER.name,
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    CLIENT.name,
  )
  for (const { name, ipv4, ipv6 } of [SERVER, CLIENT]) {
    ip('-n', name, 'addr', 'add', `${ipv4}/16`, 'dev', 'eth0')
    ip('-n', name, '-6', 'addr', 'add', `${ipv6}/48`, 'dev', 'eth0', 'nodad')
    for (const link of ['lo', 'eth0']) ip('-n', name, 'link', 'set', link, 'up')
  }
}

/** Ends what was started on the hosts, and removes them. */
export async function removeHosts(): Promise<void> {
  for (const child of children) {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  children.clear()
  for (const { name } of [SERVER, CLIENT]) ip('netns', 'delete', name)
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] })
}

const inside = (host: Host, command: readonly string[]) => [`--net=/run/netns/${host.name}`, ...command]

/** Runs a command on a host to its end. */
export function execute(host: Host, ...command: string[]): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('nsenter', inside(host, command), { encoding: 'utf8' })
  return { code: status, output: stdout + stderr }
}

/** Starts a command on a host. */
export function start(host: Host, ...command: string[]): ChildProcess {
  const child = spawn('nsenter', inside(host, command), { stdio: ['pipe', 'pipe', 'pipe'] })
  children.add(child)
  return child
}

/** Starts an echo service, which prints a line when it listens. */
export async function serve(host: Host, port: number): Promise<void> {
  const code = `require('net').createServer(s => s.on('error', () => {}).pipe(s)).listen(${port}, '::', () => console.log('up'))`
  await once(createInterface(start(host, 'node', '-e', code).stdout!), 'line')
}

/** Whether a new TCP connection to an address and port is accepted within half a second. */
export function connects(host: Host, address: string, port: number): boolean {
  return execute(host, 'timeout', '0.5', 'bash', '-c', `exec 3<>/dev/tcp/${address}/${port}`).code === 0
}

/** A connection that stays: `echo` says whether what is sent comes back within a second and a half. */
export async function connection(host: Host, address: string, port: number) {
  const code = `const s = require('net').connect(${port}, '${address}', () => console.log('up'))
    s.on('error', () => {}).pipe(process.stdout); process.stdin.pipe(s)`
  const child = start(host, 'node', '-e', code)
  const lines = createInterface(child.stdout!)
  await once(lines, 'line')
  return {
    async echo(word: string): Promise<boolean> {
      child.stdin!.write(`${word}\n`)
      return await once(lines, 'line', { signal: AbortSignal.timeout(1500) }).then(
        ([line]) => line === word,
        () => false,
      )
    },
  }
}
