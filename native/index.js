import { inspect } from 'node:util'
import { markAsUntransferable } from 'node:worker_threads'
import { requireAddon } from './lib/addon.js'
import { explain, QueueError } from './lib/errors.js'
import { checkOptions } from './lib/options.js'
import { readQueueTable } from './lib/proc.js'

export { QueueError }

export const BATCH = 256

export const DROP = 0
export const ACCEPT = 1
export const REPEAT = 4
export const STOP = 5

export const NOT_READY = 1
export const GSO = 2
export const NOT_VERIFIED = 4

export const UNKNOWN = 0xffffffff

/** Runs what may throw one of the addon's failures, and throws the QueueError for it. */
function explained(number, action) {
  try {
    return action()
  } catch (failure) {
    throw typeof failure?.step === 'string' ? explain(failure, number) : failure
  }
}

/** What a batch's callback threw, as the Error that onError is promised. */
function toError(thrown) {
  return thrown instanceof Error ? thrown : new Error(`onBatch threw ${inspect(thrown)}`, { cause: thrown })
}

class Queue {
  #addon
  #handle
  #number

  constructor(addon, options, onBatch) {
    const { number, onError } = options
    // Later, so that an error in onError, or none to call, is an uncaught exception and no part of the batch.
    const report = (error) =>
      setImmediate(() => {
        if (onError === undefined) throw error
        onError(error)
      })
    const batch = {}
    this.#addon = addon
    this.#number = number
    this.#handle = explained(number, () =>
      addon.open(
        number,
        options.copyRange,
        options.maxLength,
        options.flags,
        options.receiveBuffer,
        options.descriptor,
        options.descriptor < 0 ? 0 : heldCopyRange(addon, options),
        batch,
        onBatch,
        (thrown) => report(toError(thrown)),
        (step, errno) => report(explain({ step, errno, flags: options.flags }, number)),
      ),
    )
    markAsUntransferable(batch.buffer.buffer)
    // A copy, as V8 looks up what an addon sets one by one in a dictionary: slow, for each array of each packet.
    this.batch = Object.freeze({ ...batch })
  }

  get descriptor() {
    return this.#addon.descriptor(this.#handle)
  }

  statistics() {
    const row = readQueueTable()?.find((entry) => entry.number === this.#number)
    return {
      ...this.#addon.statistics(this.#handle),
      queueDropped: row?.queueDropped ?? Number.NaN,
      userDropped: row?.userDropped ?? Number.NaN,
      waiting: row?.waiting ?? Number.NaN,
    }
  }

  pause() {
    this.#addon.pause(this.#handle, true)
  }

  resume() {
    this.#addon.pause(this.#handle, false)
  }

  detach() {
    return explained(this.#number, () => this.#addon.detach(this.#handle))
  }

  close() {
    this.#addon.close(this.#handle)
  }

  ref() {
    this.#addon.reference(this.#handle, true)
  }

  unref() {
    this.#addon.reference(this.#handle, false)
  }
}

/** Checks that the descriptor has the queue bound to it; returns the copy range it was bound with. */
function heldCopyRange(addon, { number, descriptor }) {
  const port = addon.port(descriptor)
  const table = readQueueTable()
  const row = table?.find((entry) => entry.number === number)
  if (table !== undefined && row?.port !== port) {
    const bound = table.filter((entry) => entry.port === port).map((entry) => entry.number)
    const has = bound.length > 0 ? `queue ${bound.join(', ')}` : 'no queue in this network namespace'
    throw new QueueError(
      'BAD_DESCRIPTOR',
      `queue ${number}: descriptor ${descriptor} has ${has} bound to it.`,
    )
  }
  return row?.copyRange ?? 65531
}

export function openQueue(options, onBatch) {
  const checked = checkOptions(options, onBatch)
  return new Queue(requireAddon(), checked, onBatch)
}

export function probe() {
  try {
    explained(undefined, () => requireAddon().probe())
    return { ok: true }
  } catch (error) {
    return { ok: false, error }
  }
}

/** Bytes of the largest answer: the kernel makes them of at most 32 KiB (netlink_dump, af_netlink.c). */
const ANSWER = 2 ** 16

class NetfilterSocket {
  #addon = requireAddon()
  #descriptor
  #answer = new Uint8Array(ANSWER)

  constructor(buffer) {
    this.#descriptor = explained(undefined, () => this.#addon.openNetfilter(buffer))
  }

  get limit() {
    return this.#addon.netfilterLimit(this.#descriptor)
  }

  request(messages, onAnswer) {
    explained(undefined, () => {
      this.#addon.netfilterSend(this.#descriptor, messages)
      for (;;) {
        const size = this.#addon.netfilterReceive(this.#descriptor, this.#answer)
        if (size === 0) return
        onAnswer(this.#answer.subarray(0, size))
      }
    })
  }

  close() {
    if (this.#descriptor >= 0) this.#addon.netfilterClose(this.#descriptor)
    this.#descriptor = -1
  }
}

export function openNetfilter(buffer = 2 ** 20) {
  if (!Number.isInteger(buffer) || buffer < 1 || buffer > 0x3fffffff)
    throw new QueueError('BAD_OPTION', 'openNetfilter: buffer must be an integer from 1 to 0x3fffffff')
  return new NetfilterSocket(buffer)
}

export function interfaceName(index) {
  return requireAddon().interfaceName(index)
}
