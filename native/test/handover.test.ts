import { closeSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ACCEPT, openQueue, QueueError } from '../index.js'
import { fixture, numbered, open, receiver, rule, send, start, texts, until } from './helpers.js'

const divert = () => rule('INPUT -p udp --dport 9000 -j NFQUEUE --queue-num 50')

describe('detach', () => {
  test('hands the queue to another process without losing a packet', async () => {
    divert()
    const { messages } = await receiver(9000)
    const queue = open({ number: 50 })
    await send(numbered(100), 9000)
    await until(() => messages.length === 100)
    const descriptor = queue.detach()
    expect(queue.descriptor).toBe(-1)
    // These wait in the socket; the last is longer than the copy range that the child will ask for.
    await send([...numbered(150), 'x'.repeat(1000)], 9000)
    const child = start([process.execPath, fixture('adopt.mjs'), '50'], { stdio: [descriptor] })
    closeSync(descriptor)
    await until(() => child.output().includes('adopted') && messages.length === 251)
    await send(numbered(100), 9000)
    await until(() => messages.length === 351)
    expect(texts(messages)).toEqual([...numbered(100), ...numbered(150), 'x'.repeat(1000), ...numbered(100)])
    child.process.kill('SIGKILL')
    await child.exit
    open({ number: 50 })
  })

  test('within a batch answers it first; the same process can adopt it', async () => {
    divert()
    const { messages } = await receiver(9000)
    let descriptor = -1
    const queue = open({ number: 50 }, ({ batch }, count) => {
      descriptor = queue.detach()
      batch.verdict.fill(ACCEPT, 0, count)
    })
    queue.pause()
    await send(numbered(300), 9000)
    queue.resume()
    await until(() => messages.length === 256)
    expect(queue.descriptor).toBe(-1)
    const heir = open({ number: 50, descriptor })
    expect(heir.descriptor).toBe(descriptor)
    await until(() => messages.length === 300)
    expect(texts(messages)).toEqual(numbered(300))
  })

  test('of a closed queue is refused', () => {
    const queue = open({ number: 50 })
    queue.close()
    expect(() => queue.detach()).toThrow(expect.objectContaining({ code: 'BAD_DESCRIPTOR' }))
  })

  test('a descriptor that is in use here is refused, and stays open', async () => {
    const queue = open({ number: 50 })
    expect(() => openQueue({ number: 50, descriptor: queue.descriptor }, () => {})).toThrow(QueueError)
    divert()
    const { messages } = await receiver(9000)
    await send(['hello'], 9000)
    await until(() => messages.length === 1)
  })

  test('a setting that the kernel refuses to an adopted queue is reported, and the queue goes on', async () => {
    try {
      openQueue({ number: 51, conntrack: true }, () => {}).close()
      return // this kernel refuses nothing
    } catch {}
    divert()
    const { messages } = await receiver(9000)
    const descriptor = open({ number: 50 }).detach()
    const errors: Error[] = []
    open({ number: 50, descriptor, conntrack: true, onError: (error) => errors.push(error) })
    await send(['hello'], 9000)
    await until(() => messages.length === 1 && errors.length === 1)
    expect(errors[0]).toMatchObject({ code: 'KERNEL_OPTION_MISSING', errno: 95 })
  })
})
