import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/* "self" would be the main thread: a worker's network namespace may be another. */
const net = '/proc/thread-self/net'

/** The rows of a /proc table as arrays of words, or undefined if it cannot be read. */
function readTable(path) {
  try {
    const lines = readFileSync(path, 'latin1').split('\n')
    return lines.filter((line) => line.trim() !== '').map((line) => line.trim().split(/\s+/))
  } catch {
    return undefined
  }
}

/** Every queue that is bound in this network namespace, or undefined if the kernel does not show it. */
export function readQueueTable() {
  return readTable(`${net}/netfilter/nfnetlink_queue`)?.map((row) => ({
    number: Number(row[0]),
    port: Number(row[1]),
    waiting: Number(row[2]),
    copyRange: Number(row[4]),
    queueDropped: Number(row[5]),
    userDropped: Number(row[6]),
  }))
}

/** The process that holds the netfilter netlink socket with this port, if we may see it. */
export function findOwner(port) {
  const NETLINK_NETFILTER = '12'
  const rows = readTable(`${net}/netlink`) ?? []
  const inode = rows.find((row) => row[1] === NETLINK_NETFILTER && Number(row[2]) === port)?.at(-1)
  if (inode === undefined) return undefined
  const pid = readNames('/proc').find((name) => /^\d+$/.test(name) && holdsSocket(name, inode))
  return pid && { pid: Number(pid), name: readTable(`/proc/${pid}/comm`)?.[0]?.join(' ') ?? '?' }
}

function holdsSocket(pid, inode) {
  return readNames(`/proc/${pid}/fd`).some((descriptor) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`) === `socket:[${inode}]`
    } catch {
      return false
    }
  })
}

function readNames(folder) {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
