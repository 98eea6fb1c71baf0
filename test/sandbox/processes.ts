import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Process {
  pid: number
  args: string[]
}

/** The processes that carry `NAME=value` in their environment: a whole family, wherever it was reparented to. */
export function family(name: string, value: string): Process[] {
  return pids().flatMap((pid) => {
    const environment = read(`/proc/${pid}/environ`)
    if (!environment?.split('\0').includes(`${name}=${value}`)) return []
    return [{ pid, args: (read(`/proc/${pid}/cmdline`) ?? '').split('\0') }]
  })
}

/** All namespaces that a process here lives in. */
export function namespaces(): string[] {
  const kinds = ['net', 'mnt', 'pid', 'user']
  const links = pids().flatMap((pid) => kinds.map((kind) => link(`/proc/${pid}/ns/${kind}`)))
  return [...new Set(links)].filter((name) => name !== undefined).sort()
}

/** Polls until `done` holds; false when it does not in time. */
export async function eventually(done: () => boolean, timeout = 10_000): Promise<boolean> {
  const deadline = Date.now() + timeout
  while (!done()) {
    if (Date.now() > deadline) return false
    await sleep(20)
  }
  return true
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
