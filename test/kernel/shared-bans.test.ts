import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { needs } from '../sandbox/needs.js'
import { CLIENT, execute, type Host, makeHosts, removeHosts, SERVER, start } from './support/namespaces.js'

const URL = `redis://:secret@${SERVER.ipv4}`

/** Starts a Redis on the server that keeps nothing. */
async function startRedis() {
  const options = ['--bind', '0.0.0.0', '--requirepass', 'secret', '--save', '', '--appendonly', 'no']
  const redis = start(SERVER, 'redis-server', ...options)
  await vi.waitFor(() => {
    expect(execute(SERVER, 'redis-cli', '-a', 'secret', 'ping').output).toContain('PONG')
  })
  return redis
}

/** Starts a host that shares its bans. */
function startHost(host: Host, neverBanned: string) {
  const child = start(host, 'node', 'test/kernel/support/ban-host.mjs', URL, neverBanned)
  const lines = createInterface(child.stdout!)
  const say = (text: string) => child.stdin!.write(`${text}\n`)
  const list = async () => {
    const answer = once(lines, 'line')
    say('list')
    return JSON.parse((await answer)[0] as string) as string[]
  }
  return {
    ban: (address: string) => say(`ban ${address}`),
    unban: (address: string) => say(`unban ${address}`),
    list,
    become: (addresses: readonly string[], timeout = 1000) =>
      vi.waitFor(async () => expect(await list()).toEqual(addresses), { timeout, interval: 20 }),
  }
}

needs()('bans are shared through Redis', () => {
  beforeEach(makeHosts)
  afterEach(removeHosts)

  test('within a second, but whom a host protects it never bans', async () => {
    await startRedis()
    const a = startHost(SERVER, '10.9.0.1')
    const b = startHost(CLIENT, '10.9.0.2')
    a.ban('10.8.0.1')
    await b.become(['10.8.0.1'], 5000)
    b.ban('2001:db8::/64')
    await a.become(['10.8.0.1', '2001:db8::/64'])
    a.ban('10.9.0.2')
    b.ban('10.9.0.1')
    await a.become(['10.8.0.1', '10.9.0.2', '2001:db8::/64'])
    await b.become(['10.8.0.1', '10.9.0.1', '2001:db8::/64'])
    a.unban('10.8.0.1')
    await b.become(['10.9.0.1', '2001:db8::/64'])
  })

  test('a host that was cut off, and a Redis that lost everything, learn it all again', async () => {
    const redis = await startRedis()
    const a = startHost(SERVER, '10.9.0.1')
    const b = startHost(CLIENT, '10.9.0.2')
    for (const address of ['10.8.0.1', '10.8.0.2']) a.ban(address)
    await b.become(['10.8.0.1', '10.8.0.2'], 5000)
    execute(CLIENT, 'ip', 'link', 'set', 'eth0', 'down')
    a.ban('10.8.0.3')
    a.unban('10.8.0.1')
    b.ban('10.8.0.4')
    await a.become(['10.8.0.2', '10.8.0.3'])
    await b.become(['10.8.0.1', '10.8.0.2', '10.8.0.4'])
    execute(CLIENT, 'ip', 'link', 'set', 'eth0', 'up')
    for (const host of [a, b]) await host.become(['10.8.0.2', '10.8.0.3', '10.8.0.4'], 15_000)
    redis.kill('SIGKILL')
    await once(redis, 'exit')
    a.ban('10.8.0.5')
    b.ban('10.8.0.6')
    await startRedis()
    const all = ['10.8.0.2', '10.8.0.3', '10.8.0.4', '10.8.0.5', '10.8.0.6']
    for (const host of [a, b]) await host.become(all, 15_000)
    await startHost(CLIENT, '10.9.0.2').become(all, 5000)
  })
})
