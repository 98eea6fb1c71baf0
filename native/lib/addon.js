import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { QueueError } from './errors.js'

function load() {
  if (process.platform !== 'linux') {
    const message = `NFQUEUE is a part of the Linux kernel; this is ${process.platform}. Use Linux to open queues.`
    return { error: new QueueError('NOT_LINUX', message) }
  }
  try {
    return { addon: createRequire(import.meta.url)('../build/Release/netfilter_queue.node') }
  } catch (cause) {
    return { error: new QueueError('ADDON_MISSING', missing(cause), { cause }) }
  }
}

function missing(cause) {
  const notBuilt =
    'there is no build/Release/netfilter_queue.node; its install script has not run (--ignore-scripts?)'
  let reason = cause.code === 'MODULE_NOT_FOUND' ? notBuilt : cause.message
  try {
    reason = readFileSync(new URL('../install-failure.txt', import.meta.url), 'utf8').trim()
  } catch {
    // The compilation did not fail: it never ran, or what it made does not load.
  }
  return (
    'node-netfilter-queue was not compiled on this machine. Install a C compiler, make and Python 3 ' +
    `(Debian: apt-get install build-essential python3), then run "npm rebuild node-netfilter-queue". Reason: ${reason}`
  )
}

const loaded = load()

/** The compiled addon; throws a QueueError NOT_LINUX or ADDON_MISSING if there is none. */
export function requireAddon() {
  if (loaded.error) throw loaded.error
  return loaded.addon
}
