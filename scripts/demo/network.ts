// The demo's network: a namespace for each host, all of them on one bridge in the sandbox.
import { spawn } from 'node:child_process'
import type { Host } from './hosts.js'

export async function buildNetwork(hosts: readonly Host[]): Promise<void> {
  await ip(
    ['-batch', '-'],
    [
      'link add wire type bridge mcast_snooping 0',
      'link set wire up',
      ...hosts.flatMap(({ name }, index) => [
        `netns add ${name}`,
        `link add port${index} master wire type veth peer name eth0 netns ${name}`,
        `link set port${index} up`,
      ]),
    ],
  )
  await Promise.all(hosts.map((host) => ip(['-netns', host.name, '-batch', '-'], addressing(host))))
}

/** One address each and everybody on-link: no router to configure, and every neighbour has to be discovered. */
function addressing({ IPv4, IPv6 }: Host): string[] {
  return [
    'link set lo up',
    `address add ${IPv4}/32 dev eth0`,
    `address add ${IPv6}/128 dev eth0 nodad`,
    'link set eth0 up',
    'route add default dev eth0',
    'route add ::/0 dev eth0',
  ]
}

/** The command, with its arguments, that runs a program in a host's namespace. */
export function inside({ name }: Host, program: string, ...args: string[]): [string, string[]] {
  return ['nsenter', [`--net=/run/netns/${name}`, program, ...args]]
}

function ip(args: string[], lines: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('ip', args, { stdio: ['pipe', 'ignore', 'pipe'] })
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`the demo's network could not be built: ip ${args.join(' ')}: ${errors.trim()}`))
    })
    child.stdin.end(`${lines.join('\n')}\n`)
  })
}
