import { execFileSync } from 'node:child_process'

/** Runs a tool to its end; what it printed, both ways. */
export function run(tool: string, ...args: readonly string[]): string {
  return execFileSync('sh', ['-c', 'exec "$0" "$@" 2>&1', tool, ...args], {
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' },
  })
}

/** Runs tcpdump, which as root would become another user, who may not read our files. */
export function tcpdump(...args: readonly string[]): string {
  return run('tcpdump', '-Z', 'root', '-nn', ...args)
}

/** What capinfos says of a capture: packets, bytes of them as they were, its type. */
export function capinfos(file: string): { packets: number; bytes: number; type: string; link: string } {
  const [, line] = run('capinfos', '-M', '-T', '-t', '-E', '-c', '-d', file).trim().split('\n')
  const [, type, link, packets, bytes] = line!.split('\t')
  return { packets: Number(packets), bytes: Number(bytes), type: type!, link: link! }
}
