import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import {
  type DivertFamily,
  type DivertOptions,
  divertRules,
  type Installed,
  parseSaved,
  removalRules,
} from './rules.js'

const run = promisify(execFile)

const COMMANDS = { ipv4: 'iptables', ipv6: 'ip6tables' } as const
/** Where the tools are where PATH does not say so, as under cron and su. */
const PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`
/** Seconds to wait for another program that changes the rules. */
const LOCK_SECONDS = '10'

/** The divert rules cannot be installed or removed; the message says why and what to do. */
export class DivertError extends Error {
  override readonly name = 'DivertError'
}

/** The rules in the kernel that bring packets to a queue, in iptables' mangle table, for IPv4 and IPv6. */
export class Divert {
  readonly families = families()
  readonly #options: DivertOptions

  constructor(options: DivertOptions) {
    this.#options = options
  }

  /** Installs the rules, each family's in one transaction, over what an earlier run may have left. */
  async install(): Promise<void> {
    try {
      for (const family of this.families) {
        const { hooked } = await installed(family)
        await restore(family, divertRules(family, this.#options, hooked))
      }
    } catch (error) {
      await Divert.remove().catch(() => {})
      throw error
    }
  }

  /** Removes the rules, also those that an earlier run left; says whether there were any. */
  static async remove(): Promise<boolean> {
    let any = false
    for (const family of families()) {
      const { hooked, chains } = await installed(family)
      if (chains.length === 0) continue
      any = true
      await restore(family, removalRules(hooked))
    }
    return any
  }

  /** Packets that the rules dropped as invalid since they were installed. */
  async invalid(): Promise<number> {
    let invalid = 0
    for (const family of this.families) invalid += (await installed(family)).invalid
    return invalid
  }
}

/** IPv4, and IPv6 if this kernel has it. */
function families(): readonly DivertFamily[] {
  return existsSync('/proc/self/net/if_inet6') ? ['ipv4', 'ipv6'] : ['ipv4']
}

async function installed(family: DivertFamily): Promise<Installed> {
  return parseSaved(await tool(`${COMMANDS[family]}-save`, ['-c', '-t', 'mangle']))
}

async function restore(family: DivertFamily, rules: string): Promise<void> {
  await tool(`${COMMANDS[family]}-restore`, ['--noflush', '--wait', LOCK_SECONDS], rules)
}

async function tool(command: string, args: readonly string[], input?: string): Promise<string> {
  try {
    const running = run(command, args, { env: { ...process.env, PATH, LC_ALL: 'C' } })
    running.child.stdin?.end(input)
    return (await running).stdout
  } catch (error) {
    throw new DivertError(explain(command, error as NodeJS.ErrnoException & { stderr?: string }))
  }
}

function explain(command: string, error: NodeJS.ErrnoException & { stderr?: string }): string {
  if (error.code === 'ENOENT') return `${command} is not installed: apt-get install iptables`
  const said = (error.stderr ?? error.message).trim()
  if (/permission denied|you must be root/i.test(said))
    return `${command} needs root (CAP_NET_ADMIN): ${said}`
  if (/NFQUEUE/i.test(said)) return `${command}: this kernel has no NFQUEUE target (xt_NFQUEUE): ${said}`
  return `${command} failed: ${said}`
}
