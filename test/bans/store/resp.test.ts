import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { parseRedisUrl, RedisConnection } from '../../../src/bans/store/resp.js'

test.each([
  ['redis://cache', { host: 'cache', port: 6379 }],
  ['redis://:p%40ss@10.0.2.11:6380/2', { host: '10.0.2.11', port: 6380, password: 'p@ss', database: 2 }],
  ['redis://joe:x@[fd00::1]', { host: 'fd00::1', port: 6379, user: 'joe', password: 'x' }],
  ['http://cache', undefined],
  ['redis://', undefined],
  ['redis://cache/many', undefined],
  ['cache', undefined],
])('%s', (text, address) => {
  expect(parseRedisUrl(text)).toEqual(address)
})

describe('answers', () => {
  let server: Server
  afterEach(() => server.close())

  /** Connects to something that answers PING, and then in these parts. */
  async function connected(...parts: string[]): Promise<RedisConnection> {
    server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.write('+PONG\r\n'))
      socket.on('data', async (bytes) => {
        if (bytes.includes('PING')) return
        for (const part of parts) {
          socket.write(part)
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return RedisConnection.open({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  }

  test.each([
    [
      'of every kind',
      ['*5\r\n+a\r\n:-7\r\n$3\r\nb\r\n\r\n$-1\r\n*1\r\n$0\r\n\r\n'],
      ['a', -7, 'b\r\n', null, ['']],
    ],
    ['in parts', ['*2\r\n$4\r\nab\r', '\n\r\n$2\r', '\nü\r\n'], ['ab\r\n', 'ü']],
    ['nothing', ['*-1\r\n'], null],
  ])('%s', async (_, parts, reply) => {
    const connection = await connected(...parts)
    expect(await connection.send('GET', 'x')).toEqual(reply)
    connection.close()
  })

  test.each([
    ['an error', '-WRONGTYPE no\r\n', /WRONGTYPE/],
    ['something else', 'HTTP/1.1 400\r\n', /no Redis/],
    ['too deep', '*1\r\n'.repeat(9), /no Redis/],
    ['far too long', '$999999999999\r\n', /too long/],
  ])('%s', async (_, part, message) => {
    const connection = await connected(part)
    await expect(connection.send('GET', 'x')).rejects.toThrow(message)
    connection.close()
    await expect(connection.send('GET', 'x')).rejects.toThrow()
  })
})
