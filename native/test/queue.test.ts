import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { ACCEPT, BATCH, DROP, GSO, NOT_READY, STOP, UNKNOWN } from '../index.js'
import {
  atEnd,
  hasTable,
  numbered,
  open,
  payload,
  receiver,
  rule,
  run,
  send,
  sleep,
  table,
  texts,
  until,
} from './helpers.js'

const divert = (number: number, port: number) =>
  rule(`OUTPUT -p udp --dport ${port} -j NFQUEUE --queue-num ${number}`)

/** For many packets at once: on their way out they would use up what their socket may have under way. */
const divertInput = (number: number, port: number) =>
  rule(`INPUT -p udp --dport ${port} -j NFQUEUE --queue-num ${number}`)

describe('a packet', () => {
  test('that is accepted arrives, one that is dropped does not', async () => {
    divert(10, 9000)
    const { messages } = await receiver(9000)
    const queue = open({ number: 10 }, ({ batch }, count) => {
      for (let i = 0; i < count; i++) batch.verdict[i] = payload(queue, i).endsWith('0') ? ACCEPT : DROP
    })
    await send(numbered(100), 9000)
    await until(() => messages.length === 10)
    expect(texts(messages)).toEqual(numbered(100).filter((text) => text.endsWith('0')))
    expect(queue.statistics()).toMatchObject({
      received: 100,
      accepted: 10,
      dropped: 90,
      verdictErrors: 0,
      ...table({ waiting: 0 }),
    })
  })

  test('that nobody decides about is dropped, as is one with a value that is no verdict', async () => {
    divert(10, 9000)
    const { messages } = await receiver(9000)
    const values = [DROP, 2, 3, 6, 255, ACCEPT]
    const queue = open({ number: 10 }, ({ batch }, count) => {
      for (let i = 0; i < count; i++) batch.verdict[i] = values[Number(payload(queue, i))]!
    })
    await send(Object.keys(values), 9000)
    await until(() => messages.length > 0)
    expect(texts(messages)).toEqual(['5'])
    expect(queue.statistics()).toMatchObject({
      accepted: 1,
      dropped: 5,
      verdictErrors: 4,
      ...table({ waiting: 0 }),
    })
  })

  test('comes with its metadata', async () => {
    divert(10, 9000)
    const { messages } = await receiver(9000)
    const seen: unknown[] = []
    const before = Number(process.hrtime.bigint())
    open({ number: 10 }, ({ batch: b }, count) => {
      for (let i = 0; i < count; i++) {
        seen.push([b.length[i], b.trueLength[i], b.hook[i], b.protocol[i], b.mark[i], b.inputInterface[i]])
        seen.push([
          b.outputInterface[i],
          b.checksum[i],
          b.uid[i],
          b.gid[i],
          b.conntrackInfo[i],
          b.verdictMark[i],
        ])
      }
      expect(b.now[0]).toBeGreaterThan(before)
      expect(b.now[0]).toBeLessThanOrEqual(Number(process.hrtime.bigint()))
      expect(b.buffer[b.offset[0]!]).toBe(0x45)
      b.verdict.fill(ACCEPT)
    })
    await send(['hello'], 9000)
    await until(() => messages.length === 1)
    expect(seen).toEqual([
      [33, 33, 3, 0x0800, 0, 0],
      [1, NOT_READY, UNKNOWN, UNKNOWN, UNKNOWN, 0],
    ])
  })

  test('over IPv6', async () => {
    rule('INPUT -p udp --dport 9000 -j NFQUEUE --queue-num 10', 'ip6tables')
    const { messages } = await receiver(9000, '::1')
    const seen: unknown[] = []
    const queue = open({ number: 10 }, ({ batch: b }, count) => {
      for (let i = 0; i < count; i++) {
        seen.push([
          b.hook[i],
          b.protocol[i],
          b.inputInterface[i],
          b.outputInterface[i],
          payload(queue, i, 48),
        ])
        b.verdict[i] = ACCEPT
      }
    })
    await send(['six'], 9000, '::1')
    await until(() => messages.length === 1)
    expect(seen).toEqual([[1, 0x86dd, 1, 0, 'six']])
  })

  test('that came in has a hardware address', async () => {
    // Stays so, as the kernel does not take lo's zeros back.
    run('ip', 'link', 'set', 'lo', 'address', '02:00:5e:00:53:07')
    rule('INPUT -p udp --dport 9000 -j NFQUEUE --queue-num 10')
    const { messages } = await receiver(9000)
    let seen = ''
    open({ number: 10 }, ({ batch: b }, count) => {
      seen = Buffer.from(b.hardwareAddress.subarray(0, b.hardwareAddressLength[0])).toString('hex')
      b.verdict.fill(ACCEPT, 0, count)
    })
    await send(['hello'], 9000)
    await until(() => messages.length === 1)
    expect(seen).toBe('02005e005307')
  })

  test('tells its owner, as the first user namespace numbers it', async () => {
    divert(10, 9000)
    const { messages } = await receiver(9000)
    const outside = (file: string) =>
      Number(readFileSync(`/proc/self/${file}`, 'latin1').trim().split(/\s+/)[1])
    let owner: unknown
    open({ number: 10, uidGid: true }, ({ batch: b }, count) => {
      owner = [b.uid[0], b.gid[0]]
      b.verdict.fill(ACCEPT, 0, count)
    })
    await send(['hello'], 9000)
    await until(() => messages.length === 1)
    expect(owner).toEqual([outside('uid_map'), outside('gid_map')])
  })

  test('is cut to copyRange, and arrives whole', async () => {
    divert(10, 9000)
    const { messages } = await receiver(9000)
    const seen: unknown[] = []
    const queue = open({ number: 10, copyRange: 40 }, ({ batch: b }, count) => {
      for (let i = 0; i < count; i++) seen.push([b.length[i], b.trueLength[i]])
      b.verdict.fill(ACCEPT, 0, count)
    })
    expect(queue.batch.buffer.length).toBeLessThan(2 ** 21)
    await send(['x'.repeat(500), 'short'], 9000)
    await until(() => messages.length === 2)
    expect(seen).toEqual([
      [40, 528],
      [33, 33],
    ])
    expect(texts(messages)).toEqual(['x'.repeat(500), 'short'])
  })

  test('without payload if copyRange is 0', async () => {
    divert(10, 9000)
    const { messages } = await receiver(9000)
    let length = -1
    open({ number: 10, copyRange: 0 }, ({ batch: b }, count) => {
      length = b.length[0]!
      b.verdict.fill(ACCEPT, 0, count)
    })
    await send(['hello'], 9000)
    await until(() => messages.length === 1)
    expect(length).toBe(0)
  })

  test('larger than the MTU comes in one piece, and the stream stays whole', async () => {
    run('ip', 'link', 'set', 'lo', 'mtu', '1500')
    atEnd(() => run('ip', 'link', 'set', 'lo', 'mtu', '65536'))
    rule('OUTPUT -p tcp --dport 9000 -j NFQUEUE --queue-num 10')
    const sizes: number[] = []
    const flags = new Set<number>()
    open({ number: 10 }, ({ batch: b }, count) => {
      for (let i = 0; i < count; i++) {
        sizes.push(b.trueLength[i]!)
        if (b.length[i]! > 1500) flags.add(b.checksum[i]!)
        b.verdict[i] = ACCEPT
      }
    })
    const data = Buffer.alloc(4_000_000, 'the quick brown fox')
    const hash = createHash('sha256')
    const server = createServer((socket) =>
      socket.on('data', (chunk) => hash.update(chunk)).on('end', () => socket.end()),
    )
    atEnd(() => server.close())
    server.listen(9000, '127.0.0.1')
    await once(server, 'listening')
    const client = connect(9000, '127.0.0.1')
    client.resume().end(data)
    await once(client, 'close')
    expect(hash.digest('hex')).toBe(createHash('sha256').update(data).digest('hex'))
    expect(Math.max(...sizes)).toBeGreaterThan(20_000)
    expect([...flags]).toEqual([NOT_READY | GSO])
  })
})

describe('a mark', () => {
  const counted = (mark: number) => {
    const lines = execFileSync('iptables', ['-w', '-t', 'filter', '-L', 'OUTPUT', '-v', '-x', '-n'], {
      encoding: 'utf8',
    })
    const line = lines.split('\n').find((text) => text.includes(`mark match 0x${mark.toString(16)}`))
    return Number(line?.trim().split(/\s+/)[0])
  }

  test('is set packet by packet, seen by the kernel and by the next queue, and kept if not changed', async () => {
    rule('-t mangle OUTPUT -p udp --dport 9000 -m length --length 30 -j MARK --set-mark 0x77')
    rule('-t mangle OUTPUT -p udp --dport 9000 -j NFQUEUE --queue-num 10')
    for (const mark of [0x77, 0x1, 0x2, 0xffffffff])
      rule(`OUTPUT -p udp --dport 9000 -m mark --mark 0x${mark.toString(16)}`)
    const { messages } = await receiver(9000)
    const marks = new Map([
      ['1', 1],
      ['2', 2],
      ['f', 0xffffffff],
      ['x0', 0],
    ])
    const queue = open({ number: 10 }, ({ batch: b }, count) => {
      for (let i = 0; i < count; i++) {
        const text = payload(queue, i)
        expect(b.verdictMark[i]).toBe(text.length === 2 ? 0x77 : 0)
        b.verdict[i] = ACCEPT
        b.verdictMark[i] = marks.get(text) ?? b.mark[i]!
      }
    })
    await send(['1', '2', '2', 'f', 'kk', 'x0', 'k'], 9000)
    await until(() => messages.length === 7)
    expect([0x77, 1, 2, 0xffffffff].map(counted)).toEqual([1, 1, 2, 1])
  })
})

describe('STOP', () => {
  test('skips the later base chains of the hook', async () => {
    rule('-t mangle OUTPUT -p udp --dport 9000 -j NFQUEUE --queue-num 10')
    rule('OUTPUT -p udp --dport 9000 -j DROP')
    const { messages } = await receiver(9000)
    open({ number: 10 }, ({ batch }, count) => batch.verdict.fill(STOP, 0, count))
    await send(['hello'], 9000)
    await until(() => messages.length === 1)
  })
})

describe('reading', () => {
  test('gives at most BATCH packets a call, and lets the event loop breathe', async () => {
    divertInput(10, 9000)
    const counts: number[] = []
    const turnOf: number[] = []
    let turn = 0
    let stopped = false
    const breathe = () => {
      turn++
      if (!stopped) setImmediate(breathe)
    }
    atEnd(() => (stopped = true))
    breathe()
    const queue = open({ number: 10 }, (_, count) => {
      counts.push(count)
      turnOf.push(turn)
    })
    queue.pause()
    await send(numbered(4000), 9000)
    expect(queue.statistics()).toMatchObject({
      received: 0,
      ...table({ waiting: 4000, queueDropped: 0, userDropped: 0 }),
    })
    queue.resume()
    await until(() => queue.statistics().received === 4000)
    expect(counts).toEqual([...Array(15).fill(BATCH), 4000 - 15 * BATCH])
    expect(queue.statistics()).toMatchObject({ batches: 16, dropped: 4000, messagesSent: 16, sendCalls: 16 })
    expect(turnOf.at(-1)! - turnOf[0]!).toBe(1)
  })

  test('pauses from within a batch and goes on where it was', async () => {
    divertInput(10, 9000)
    const { messages } = await receiver(9000)
    const queue = open({ number: 10 }, ({ batch }, count) => {
      batch.verdict.fill(ACCEPT, 0, count)
      queue.pause()
    })
    queue.pause()
    await send(numbered(600), 9000)
    for (const expected of [256, 512, 600]) {
      queue.resume()
      await until(() => messages.length === expected)
      await sleep(20)
      expect(queue.statistics().received).toBe(expected)
    }
    expect(texts(messages)).toEqual(numbered(600))
  })
})

describe('what does not fit', () => {
  test('is counted as queueDropped beyond maxLength', async () => {
    divertInput(10, 9000)
    const { messages } = await receiver(9000)
    const queue = open({ number: 10, maxLength: 10 })
    queue.pause()
    await send(numbered(50), 9000)
    expect(queue.statistics()).toMatchObject(table({ queueDropped: 40, userDropped: 0, waiting: 10 }))
    queue.resume()
    await until(() => messages.length === 10)
    expect(queue.statistics()).toMatchObject({ received: 10, ...table({ waiting: 0 }) })
  })

  test('is counted as userDropped beyond the receive buffer, and is no error of the socket', async () => {
    divertInput(10, 9000)
    const errors: Error[] = []
    const queue = open({ number: 10, receiveBuffer: 4096, onError: (error) => errors.push(error) })
    queue.pause()
    await send(numbered(200), 9000)
    const { userDropped, waiting } = queue.statistics()
    if (hasTable) expect(userDropped + waiting).toBe(200)
    queue.resume()
    await until(() => queue.statistics().received > 0)
    await sleep(20)
    const { received, receiveErrors } = queue.statistics()
    expect(received).toBeLessThan(100)
    expect(receiveErrors).toBe(0)
    if (hasTable) expect(received).toBe(waiting)
    expect(errors).toEqual([])
  })

  test('passes with failOpen', async () => {
    divertInput(10, 9000)
    const { messages } = await receiver(9000)
    const queue = open({ number: 10, maxLength: 10, failOpen: true })
    queue.pause()
    await send(numbered(50), 9000)
    await until(() => messages.length === 40)
    expect(queue.statistics()).toMatchObject({
      received: 0,
      ...table({ queueDropped: 0, userDropped: 0, waiting: 10 }),
    })
  })
})
