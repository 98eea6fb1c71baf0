import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Child,
  compile,
  fixture,
  hasTable,
  numbered,
  receiver,
  rule,
  send,
  start,
  texts,
  until,
} from './helpers.js'

/* What the kernel does not do on request is done by a library between it and the addon; see shim.c. */
let shim = ''
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'shim-'))
  shim = compile(join(folder, 'shim.so'), '-shared', '-fPIC', fixture('shim.c'), '-ldl')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const serve = (mode: string): Child =>
  start([process.execPath, fixture('accept.mjs')], { env: { LD_PRELOAD: shim, SHIM: mode } })

describe('verdicts that the kernel does not take at once', () => {
  test.each(['refuse', 'partial', 'none'])('are all sent in the end: %s', async (mode) => {
    rule('INPUT -p udp --dport 9000 -j NFQUEUE --queue-num 40')
    const { messages } = await receiver(9000)
    const child = serve(mode)
    await until(() => child.output().includes('ready'))
    const sent = numbered(2000)
    const passing = sent.filter((text) => !text.endsWith('7'))
    for (let i = 0; i < 2000; i += 200) {
      await send(sent.slice(i, i + 200), 9000)
      await until(() => messages.length === (i + 200) * 0.9)
    }
    expect(texts(messages).sort()).toEqual(passing.sort())
    child.process.stdin?.end()
    expect(await child.exit).toBe(0)
    const statistics = JSON.parse(child.output().split('\n')[1]!)
    expect(statistics).toMatchObject({
      received: 2000,
      accepted: 1800,
      dropped: 200,
      verdictErrors: 0,
      ...(hasTable && { waiting: 0 }),
    })
    if (mode === 'none') expect(statistics.sendCalls).toBe(statistics.batches)
    else expect(statistics.sendCalls).toBeGreaterThan(statistics.batches)
  })

  test('and a socket that takes none any more closes the queue, and is reported', async () => {
    rule('INPUT -p udp --dport 9000 -j NFQUEUE --queue-num 40')
    const child = serve('broken')
    await until(() => child.output().includes('ready'))
    await send(['hello'], 9000)
    expect(await child.exit).not.toBe(0)
    expect(child.output()).toContain('QueueError: queue 40: sending verdicts failed with ECONNREFUSED')
    expect(child.output()).toContain("code: 'SYSTEM'")
  })
})

describe('a kernel without NFQUEUE', () => {
  test.each(['absent', 'ancient'])('is named: %s', async (mode) => {
    const child = serve(mode)
    expect(await child.exit).not.toBe(0)
    expect(child.output()).toContain("code: 'MODULE_MISSING'")
    expect(child.output()).toContain('modprobe nfnetlink_queue')
  })
})
