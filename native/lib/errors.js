import { getSystemErrorMap } from 'node:util'
import { findOwner, readQueueTable } from './proc.js'

/** What a queue can fail with. `code` is for programs, the message for people; see README.md. */
export class QueueError extends Error {
  constructor(code, message, options = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'QueueError'
    this.code = code
    if (options.errno !== undefined) this.errno = options.errno
  }
}

const errnos = new Map([...getSystemErrorMap()].map(([value, [name, text]]) => [-value, `${name} (${text})`]))
const EPERM = 1
const EBADF = 9
const EACCES = 13
const EBUSY = 16
const ENODEV = 19
const EINVAL = 22
const EPROTONOSUPPORT = 93
const EOPNOTSUPP = 95

/** NFQA_CFG_F_*: the options that stand for the kernel's flags, and what a kernel without one lacks. */
export const FLAGS = [
  { flag: 1, option: 'failOpen', needs: 'Linux 3.6' },
  { flag: 2, option: 'conntrack', needs: 'a kernel built with CONFIG_NETFILTER_NETLINK_GLUE_CT' },
  { flag: 4, option: 'GSO (always on)', needs: 'Linux 3.10' },
  { flag: 8, option: 'uidGid', needs: 'Linux 3.14' },
]

const steps = {
  socket: 'opening a netlink socket',
  bind: 'binding the queue',
  flags: 'setting the flags',
  length: 'setting maxLength',
  mode: 'setting copyRange',
  probe: 'asking for the queue module',
  descriptor: 'adopting the descriptor',
  poll: 'watching the socket',
  memory: 'holding the memory of the batches',
  send: 'sending verdicts',
  receive: 'receiving packets',
  detach: 'detaching',
  request: 'sending a request to netfilter',
  answer: 'taking an answer of netfilter',
}

function noPermission(what, errno) {
  return new QueueError(
    'NO_PERMISSION',
    `${what}: this process lacks CAP_NET_ADMIN in the user namespace that owns its network namespace. ` +
      'Run as root, or give the capability (setcap cap_net_admin+ep on the node binary, AmbientCapabilities= in systemd).',
    { errno },
  )
}

function taken(number, what, errno) {
  const row = readQueueTable()?.find((entry) => entry.number === number)
  const owner = row && findOwner(row.port)
  const who = owner ? `process ${owner.pid} (${owner.name})` : 'another socket'
  const port = row ? `, netlink port ${row.port}` : ''
  return new QueueError(
    'QUEUE_TAKEN',
    `${what}: ${who}${port} has bound it already. Stop that one, take another number, or adopt its descriptor.`,
    { errno },
  )
}

function moduleMissing(what, errno) {
  return new QueueError(
    'MODULE_MISSING',
    `${what}: this kernel has no NFQUEUE, or its module is not loaded. Run "modprobe nfnetlink_queue" as root of ` +
      'the host, or build the kernel with CONFIG_NETFILTER_NETLINK_QUEUE.',
    { errno },
  )
}

function optionMissing(what, failure) {
  const missing = FLAGS.filter(({ flag }) => failure.flags & flag)
  const list = missing.map(({ option, needs }) => `${option} needs ${needs}`).join('; ')
  return new QueueError(
    'KERNEL_OPTION_MISSING',
    `${what}: the kernel refuses ${missing.map(({ option }) => option).join(', ')}: ${list}. Leave it out, or use such a kernel.`,
    { errno: failure.errno },
  )
}

/**
 * Makes a QueueError of what the addon throws or reports.
 *
 * @param {{ step: string, errno: number, flags: number }} failure `flags`: those that the kernel refused
 * @param {number} [number] the queue
 */
export function explain(failure, number) {
  const { step, errno } = failure
  const what = `${number === undefined ? 'netfilter' : `queue ${number}`}: ${steps[step]} failed`
  const text = `${what} with ${errnos.get(errno) ?? `errno ${errno}`}`
  const isSetting = step === 'flags' || step === 'length' || step === 'mode'
  if (step === 'bind' && errno === EBUSY) return taken(number, text, errno)
  // Only an adopted socket gets as far with a queue that is not its own.
  if (isSetting && errno === EPERM) return taken(number, text, errno)
  if (errno === EPERM || errno === EACCES) return noPermission(text, errno)
  if (step === 'socket' && errno === EPROTONOSUPPORT) return moduleMissing(text, errno)
  if ((step === 'bind' || step === 'probe') && errno === EINVAL) return moduleMissing(text, errno)
  if (step === 'flags' && errno === EOPNOTSUPP) return optionMissing(text, failure)
  if (step === 'descriptor' || (isSetting && errno === ENODEV)) {
    return new QueueError(
      'BAD_DESCRIPTOR',
      `${text}: it must be the open netlink socket of this queue, as a detach() handed it out, and not be in use here.`,
      { errno },
    )
  }
  if (step === 'detach' && errno === EBADF) {
    return new QueueError('BAD_DESCRIPTOR', `queue ${number}: it is closed or detached already.`, { errno })
  }
  if (step === 'memory') {
    return new QueueError(
      'SYSTEM',
      `${text}: the batch's ArrayBuffer was transferred, or there is no memory for it. The queue is closed.`,
      { errno },
    )
  }
  return new QueueError('SYSTEM', `${text}.`, { errno })
}
