import { once } from 'node:events'
import { readFileSync, readlinkSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { ACCEPT, type Queue } from '../index.js'
import {
  atEnd,
  fixture,
  numbered,
  open,
  payload,
  receiver,
  rule,
  run,
  send,
  sleep,
  start,
  table,
  texts,
  until,
} from './helpers.js'

/** The package, for code that is run in a process of its own. */
const index = JSON.stringify(new URL('../index.js', import.meta.url).href)

const divert = () => rule('INPUT -p udp --dport 9000 -j NFQUEUE --queue-num 50')

describe('a callback that throws', () => {
  test('keeps its decisions, drops the rest, tells the owner, and goes on', async () => {
    divert()
    const { messages } = await receiver(9000)
    const errors: Error[] = []
    const queue = open(
      {
        number: 50,
        onError: (error) => errors.push(error),
      },
      ({ batch }, count) => {
        for (let i = 0; i < count; i++) {
          const text = payload(queue, i)
          if (text === 'error') throw new RangeError('from the callback')
          if (text === 'value') throw 'a mere string'
          batch.verdict[i] = ACCEPT
        }
      },
    )
    queue.pause()
    await send(['1', '2', 'error', '3'], 9000)
    queue.resume()
    await until(() => errors.length === 1)
    await send(['value'], 9000)
    await until(() => errors.length === 2)
    await send(['4'], 9000)
    await until(() => messages.length === 3)
    expect(texts(messages)).toEqual(['1', '2', '4'])
    expect(errors.map(String)).toEqual([
      'RangeError: from the callback',
      "Error: onBatch threw 'a mere string'",
    ])
    expect(queue.statistics()).toMatchObject({
      received: 6,
      accepted: 3,
      dropped: 3,
      callbackErrors: 2,
      ...table({ waiting: 0 }),
    })
  })

  test('without onError is an uncaught exception', async () => {
    divert()
    const code = `import { openQueue } from ${index}
      openQueue({ number: 50 }, () => { throw new Error('nobody listens') })
      console.log('ready')`
    const child = start([process.execPath, '--input-type=module', '-e', code])
    await until(() => child.output().includes('ready'))
    await send(['hello'], 9000)
    expect(await child.exit).toBe(1)
    expect(child.output()).toContain('Error: nobody listens')
  })

  test('runs its promises after the verdicts have left', async () => {
    divert()
    const sent: number[] = []
    const queue = open({ number: 50 }, ({ batch }, count) => {
      batch.verdict.fill(ACCEPT, 0, count)
      Promise.resolve().then(() => sent.push(queue.statistics().sendCalls))
      process.nextTick(() => sent.push(queue.statistics().sendCalls))
    })
    await send(['hello'], 9000)
    await until(() => sent.length === 2)
    expect(sent).toEqual([1, 1])
  })
})

describe('close', () => {
  test('frees the queue at once, and a second time does nothing', () => {
    for (let i = 0; i < 20; i++) {
      const queue = open({ number: 50 })
      expect(queue.descriptor).toBeGreaterThan(2)
      queue.close()
      queue.close()
      queue.pause()
      queue.resume()
      queue.ref()
      queue.unref()
      expect(queue.descriptor).toBe(-1)
      expect(queue.statistics()).toMatchObject({ received: 0, waiting: Number.NaN })
    }
  })

  test('drops what was never read', async () => {
    divert()
    const { messages } = await receiver(9000)
    const queue = open({ number: 50 })
    queue.pause()
    await send(numbered(10), 9000)
    queue.close()
    await sleep(20)
    expect(messages).toEqual([])
  })

  test('within a batch answers it first, and reads no other', async () => {
    divert()
    const { messages } = await receiver(9000)
    const queue = open({ number: 50 }, ({ batch }, count) => {
      queue.close()
      batch.verdict.fill(ACCEPT, 0, count)
    })
    queue.pause()
    await send(numbered(300), 9000)
    queue.resume()
    await until(() => messages.length === 256)
    await sleep(20)
    expect(texts(messages)).toEqual(numbered(256))
    expect(queue.statistics()).toMatchObject({ batches: 1, accepted: 256 })
    open({ number: 50 })
  })

  test('right after the batch, in a promise of it, frees the queue too', async () => {
    divert()
    let next: Queue | undefined
    const queue = open({ number: 50 }, () => {
      Promise.resolve().then(() => {
        queue.close()
        next = open({ number: 50 })
      })
    })
    await send(['hello'], 9000)
    await until(() => next !== undefined)
  })

  test('by a callback that then throws', async () => {
    divert()
    const { messages } = await receiver(9000)
    const errors: Error[] = []
    const queue = open({ number: 50, onError: (error) => errors.push(error) }, ({ batch }) => {
      batch.verdict[0] = ACCEPT
      queue.close()
      throw new Error('closing time')
    })
    await send(['hello'], 9000)
    await until(() => errors.length === 1 && messages.length === 1)
  })
})

describe('a worker thread', () => {
  test('serves a queue of its own, beside one in the main thread', async () => {
    divert()
    rule('INPUT -p udp --dport 9001 -j NFQUEUE --queue-num 51')
    const [inWorker, here] = [await receiver(9000), await receiver(9001)]
    open({ number: 51 })
    const worker = new Worker(fixture('worker.mjs'), { workerData: { number: 50 } })
    atEnd(() => worker.terminate())
    await once(worker, 'message')
    await Promise.all([send(numbered(200), 9000), send(numbered(200), 9001)])
    await until(() => inWorker.messages.length === 200 && here.messages.length === 200)
  })

  test('that is terminated closes its queue, idle or in the middle of a batch', async () => {
    divert()
    for (let i = 0; i < 10; i++) {
      const hang = i % 2 === 1
      const worker = new Worker(fixture('worker.mjs'), { workerData: { number: 50, hang } })
      await once(worker, 'message')
      if (hang) {
        send(numbered(300), 9000)
        await once(worker, 'message')
      }
      await worker.terminate()
      open({ number: 50 }).close()
    }
  })
})

describe('the process', () => {
  const script = (line: string) => `import { openQueue } from ${index}
    const queue = openQueue({ number: 52 }, () => {})
    ${line}`
  const node = (line: string, ...flags: string[]) =>
    start([process.execPath, ...flags, '--input-type=module', '-e', script(line)])

  test('is kept alive by an open queue', async () => {
    const child = node('setTimeout(() => { console.log("alive"); queue.close() }, 50)')
    expect(await child.exit).toBe(0)
    expect(child.output()).toBe('alive\n')
  })

  test('is not kept alive by one that is unref()ed', async () => {
    expect(await node('queue.unref()').exit).toBe(0)
  })

  test('may leave in the middle of things', async () => {
    expect(await node('process.exit(3)').exit).toBe(3)
  })

  test('does not lose an open queue to the garbage collector, and loses closed ones', async () => {
    const child = node(
      `let freed = 0
      const registry = new FinalizationRegistry(() => freed++)
      for (let i = 100; i < 150; i++) {
        const closed = openQueue({ number: i }, () => {})
        registry.register(closed.batch.buffer.buffer, i)
        closed.close()
      }
      const turn = () => new Promise((resolve) => setTimeout(resolve, 5))
      for (let i = 0; i < 50 && freed < 40; i++) { gc(); await turn() }
      console.log(freed >= 40, queue.descriptor > 2)
      queue.close()`,
      '--expose-gc',
    )
    expect(await child.exit).toBe(0)
    expect(child.output()).toBe('true true\n')
  })
})

describe('the memory of the batches', () => {
  test('cannot be transferred to another thread', () => {
    const queue = open({ number: 50 })
    const memory = queue.batch.buffer.buffer as ArrayBuffer
    try {
      structuredClone(memory, { transfer: [memory] })
    } catch (error) {
      expect((error as Error).name).toBe('DataCloneError')
    }
    expect(memory.byteLength).toBeGreaterThan(0)
  })

  test.each(['within a batch', 'between batches'])(
    'if taken away all the same, %s, ends the queue',
    async (when) => {
      divert()
      const code = `import { openQueue } from ${index}
      const detach = () => %ArrayBufferDetach(queue.batch.buffer.buffer)
      const onError = (error) => console.log(error.code, queue.descriptor)
      const queue = openQueue({ number: 50, onError }, () => ${when === 'within a batch'} && detach())
      if (${when === 'between batches'}) detach()
      console.log('ready')`
      const child = start([process.execPath, '--allow-natives-syntax', '--input-type=module', '-e', code])
      await until(() => child.output().includes('ready'))
      await send(['hello'], 9000)
      expect(await child.exit).toBe(0)
      expect(child.output()).toBe('ready\nSYSTEM -1\n')
    },
  )
})

describe('the socket', () => {
  test('skips and counts the refusals that come back to it', async () => {
    divert()
    const { messages } = await receiver(9000)
    const queue = open({ number: 50 })
    // Verdicts about packets that there are not, from the queue's own socket.
    const answer = `import socket, struct
s = socket.socket(fileno=3)
for id in (1000, 1001): s.send(struct.pack("=IHHIIBBHHHII", 32, 0x301, 1, 0, 0, 0, 0, socket.htons(50), 12, 2, socket.htonl(1), socket.htonl(id)))`
    expect(await start(['python3', '-c', answer], { stdio: [queue.descriptor] }).exit).toBe(0)
    await until(() => queue.statistics().verdictErrors === 2)
    await send(['hello'], 9000)
    await until(() => messages.length === 1)
    expect(queue.statistics()).toMatchObject({ received: 1, receiveErrors: 0 })
  })

  test('takes no messages from other processes', () => {
    const queue = open({ number: 50 })
    const inode = readlinkSync(`/proc/self/fd/${queue.descriptor}`).match(/\d+/)![0]
    const sockets = readFileSync('/proc/thread-self/net/netlink', 'latin1').split('\n')
    const port = sockets.map((line) => line.trim().split(/\s+/)).find((row) => row.at(-1) === inode)![2]
    const forge = `import socket
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
try: s.sendto(b"x" * 64, (${port}, 0)); print("sent")
except ConnectionRefusedError: print("refused")`
    expect(run('python3', '-c', forge)).toBe('refused\n')
    expect(queue.statistics().receiveErrors).toBe(0)
  })
})
