// Children that cannot outlive us, however we end: by a signal, by SIGKILL, or because npm above us was killed.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

const GRACE_MS = 10_000
const PARENT_POLL_MS = 200

const parent = process.ppid
// npm starts scripts through `sh -c`, and a shell that stays in between would hide the death of npm from us.
const grandparent = isScriptShell(parent) ? parentOf(parent) : undefined

/**
 * Runs a command to its end and returns how it ended. Output is inherited, or collected with `capture`.
 * @param {string} command
 * @param {string[]} args
 * @param {{ capture?: boolean, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<{ code: number, signal: NodeJS.Signals | null, output: string }>}
 */
export function runChild(command, args, { capture = false, env = process.env } = {}) {
  const [file, argv] = bound(command, args)
  return new Promise((resolve) => {
    // A session of its own: a signal is sent to the group exactly once, by us, and not by the terminal too.
    const stdio = capture ? ['ignore', 'pipe', 'pipe'] : 'inherit'
    const child = spawn(file, argv, { stdio, env, detached: true })
    const output = []
    child.stdout?.on('data', (chunk) => output.push(chunk))
    child.stderr?.on('data', (chunk) => output.push(chunk))

    let stopped = null
    let deadline
    const stop = (signal) => {
      // npm repeats a Ctrl-C that the terminal has already sent to us: one key press, one signal.
      if (stopped === signal) return
      stopped = signal
      signalGroup(child.pid, signal)
      deadline ??= setTimeout(() => signalGroup(child.pid, 'SIGKILL'), GRACE_MS)
    }
    const watch = setInterval(() => {
      if (process.ppid === parent && (!grandparent || parentOf(parent) === grandparent)) return
      signalGroup(child.pid, 'SIGKILL')
      process.exit(1)
    }, PARENT_POLL_MS)
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.on(signal, stop)

    child.on('error', (error) => fail(`cannot start ${command}: ${error.message}`))
    child.on('close', (code, signal) => {
      clearInterval(watch)
      clearTimeout(deadline)
      for (const signal of signals) process.off(signal, stop)
      resolve({ code: code ?? 1, signal: signal ?? stopped, output: Buffer.concat(output).toString() })
    })
  })
}

/** The command, tied to our life by the kernel where the kernel can. */
function bound(command, args) {
  if (process.platform !== 'linux') return [command, args]
  // Whoever of us dies between fork and prctl is caught by the look at PPID.
  const script = `[ "$PPID" = ${process.pid} ] && exec "$@"`
  return ['setpriv', ['--pdeathsig', 'KILL', 'sh', '-c', script, 'sh', command, ...args]]
}

function isScriptShell(pid) {
  return process.env.npm_lifecycle_event !== undefined && read(`/proc/${pid}/cmdline`).split('\0')[1] === '-c'
}

function parentOf(pid) {
  // The name before the parent's pid is in parentheses and may itself contain some.
  return read(`/proc/${pid}/stat`).split(') ').pop()?.split(' ')[1]
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal)
  } catch {
    // It has ended by itself.
  }
}

/** Ends the script with a message for people. */
export function fail(message) {
  process.stderr.write(`portcullis: ${message}\n`)
  process.exit(1)
}
