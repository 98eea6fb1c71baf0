// Runs a command in a throw-away sandbox: mounts, network and processes of its own, gone with its first process.
//
//   node scripts/sandbox.js COMMAND ARGS…
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fail, runChild } from './child.js'

// An empty /run gives ip-netns its /run/netns and iptables its lock, and temporary files that vanish with us.
// The command is not exec'ed: as process 1 it would be deaf to signals, and nobody would reap its orphans. The trap
// lets the shell outlive a Ctrl-C that the command handles.
const INIT =
  'mount -t tmpfs -o mode=755 tmpfs /run && mkdir -m 1777 /run/tmp && ip link set lo up || exit 125'
const RUN = `${INIT}; trap : INT TERM; "$@"; exit $?`

const NAMESPACES = ['--mount', '--net', '--pid', '--ipc', '--mount-proc', '--kill-child=SIGKILL']
const MAPPED_ROOT = ['--user', '--map-root-user']

/** Why no sandbox can be made here, with what to do about it, or how to make one. */
function probe() {
  if (process.platform !== 'linux') return { reason: 'a sandbox needs Linux and its namespaces' }
  const asRoot = process.getuid() === 0
  const errors = new Set()
  // Root in a container may lack the rights that a user namespace of its own still grants.
  const ways = asRoot ? [[], MAPPED_ROOT] : [MAPPED_ROOT]
  for (const way of ways) {
    const flags = [...way, ...NAMESPACES]
    const tried = spawnSync('unshare', [...flags, 'sh', '-c', RUN, 'sh', 'true'], {
      env: sandboxEnv(),
      encoding: 'utf8',
    })
    if (tried.status === 0) return { flags }
    errors.add(tried.error ? 'unshare is missing (Debian package util-linux)' : tried.stderr.trim())
  }
  return {
    reason: `no namespaces can be made here: ${[...errors].join('; ')}\n${advice(asRoot)}`,
  }
}

function advice(asRoot) {
  if (setting('/proc/sys/user/max_user_namespaces') === '0')
    return 'User namespaces are switched off: sysctl user.max_user_namespaces=10000, or run as root.'
  if (setting('/proc/sys/kernel/unprivileged_userns_clone') === '0')
    return 'Users may not make namespaces: sysctl kernel.unprivileged_userns_clone=1, or run as root.'
  if (setting('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1')
    return 'AppArmor restricts namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run as root.'
  if (asRoot)
    return 'Inside a container, start it with --privileged (or --cap-add SYS_ADMIN,NET_ADMIN and no seccomp).'
  return 'Run as root, or on a kernel with CONFIG_USER_NS, CONFIG_PID_NS and CONFIG_NET_NS.'
}

function setting(path) {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

function sandboxEnv(extra) {
  // Debian leaves the sbin folders out of a user's PATH, and ip and iptables live there.
  const path = [process.env.PATH, '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(Boolean).join(delimiter)
  return {
    ...process.env,
    ...extra,
    PATH: path,
    PORTCULLIS_SANDBOX: '1',
    TMPDIR: '/run/tmp',
    STATE_DIRECTORY: '/run/portcullis',
  }
}

/** Why no sandbox can be made on this machine; undefined when one can. */
export function sandboxMissing() {
  return probe().reason
}

/**
 * Runs a command in a sandbox and returns its exit code, 128 + n when signal n ended it.
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: Record<string, string> }} [options]
 */
export async function sandbox(command, args, { env } = {}) {
  const { flags, reason } = probe()
  if (reason) fail(reason)
  const argv = [...flags, 'sh', '-c', RUN, 'sh', command, ...args]
  const { code } = await runChild('unshare', argv, { env: sandboxEnv(env) })
  return code
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [command, ...args] = process.argv.slice(2)
  if (!command) fail('usage: node scripts/sandbox.js COMMAND ARGS…')
  process.exitCode = await sandbox(command, args)
}
