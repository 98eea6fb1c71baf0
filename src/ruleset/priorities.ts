/** nft's names of priorities (enum nf_ip_hook_priorities). */
import { Hook, type HookName } from '../packet/packet.js'

export const HOOKS = Object.keys(Hook) as readonly HookName[]

const COMMON = { raw: -300, mangle: -150, filter: 0, security: 50 }

export const PRIORITIES: Readonly<Record<HookName, Readonly<Record<string, number>>>> = {
  prerouting: { ...COMMON, dstnat: -100 },
  input: COMMON,
  forward: COMMON,
  output: COMMON,
  postrouting: { ...COMMON, srcnat: 100 },
}

/** Names that are read, but not printed: nft before 1.1 does not know them. */
export const MORE_PRIORITIES: Partial<typeof PRIORITIES> = { output: { dstnat: -100 } }

/** The distance up to which a priority is named by its neighbour. */
const NEAR = 10

/** A priority as nft writes it. */
export function priorityText(priority: number, hook: HookName): string {
  for (const [name, value] of Object.entries(PRIORITIES[hook])) {
    const offset = priority - value
    if (offset === 0) return name
    if (Math.abs(offset) <= NEAR) return `${name} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)}`
  }
  return String(priority)
}
