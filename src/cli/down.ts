import { KernelBans } from '../queue/bans/kernel-bans.js'
import { Divert, DivertError } from '../queue/divert/divert.js'
import { Failure } from './errors.js'

export const usage = `portcullis down

Takes down divert rules and bans that a killed portcullis run left behind. Needs root.`

export async function down(): Promise<void> {
  try {
    const diverted = await Divert.remove()
    const banned = await removeBans()
    process.stdout.write(diverted || banned ? 'The divert rules are gone.\n' : 'There are no divert rules.\n')
  } catch (error) {
    if (error instanceof DivertError) throw new Failure(error.message)
    throw error
  }
}

/** Says whether there were any. Without the addon there is no gate, and nobody put bans into the kernel. */
async function removeBans(): Promise<boolean> {
  const addon = await import('node-netfilter-queue').catch(() => undefined)
  if (addon?.probe().ok !== true) return false
  const socket = addon.openNetfilter()
  try {
    return KernelBans.remove(socket)
  } finally {
    socket.close()
  }
}
