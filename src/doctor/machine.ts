import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Ended, Machine } from './feature.js'

/** Where the tools are where PATH does not say so, as under cron and su. */
const PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`
const PATIENCE_MS = 60_000
/** A ruleset of a hundred thousand rules is some ten megabytes. */
const MOST_OUTPUT = 64 << 20

function run(command: string, ...args: readonly string[]): Ended {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, PATH, LC_ALL: 'C' },
    timeout: PATIENCE_MS,
    maxBuffer: MOST_OUTPUT,
  })
  const missing = (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
  return { code: status ?? 1, missing, output: status === 0 ? stdout : stderr || (error?.message ?? '') }
}

/** This machine. Answers are kept: a probe that asks twice is answered once. */
export function thisMachine(): Machine {
  const known = new Map<string, Ended>()
  const once = (words: readonly [string, ...string[]]) => {
    const key = words.join('\0')
    const answer = known.get(key) ?? run(...words)
    known.set(key, answer)
    return answer
  }
  return {
    read: (path) => {
      try {
        return readFileSync(path, 'utf8').trim()
      } catch {
        return undefined
      }
    },
    run: (command, ...args) => once([command, ...args]),
    apart: (command, ...args) => {
      const ended = once(['unshare', '--net', command, ...args])
      // unshare itself is there: what it could not start is the program.
      return { ...ended, missing: ended.missing || ended.code === 127 }
    },
  }
}
