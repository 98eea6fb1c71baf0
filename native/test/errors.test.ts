import { closeSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openQueue, probe, QueueError, type QueueErrorCode, type QueueOptions } from '../index.js'
import { atEnd, fixture, hasTable, open, start, until } from './helpers.js'

function failure(action: () => unknown): QueueError {
  try {
    action()
  } catch (error) {
    expect(error).toBeInstanceOf(QueueError)
    return error as QueueError
  }
  throw new Error('nothing was thrown')
}

const package_ = join(import.meta.dirname, '..')

/** Runs code with the package imported as `api`, in a process of its own; it prints one line of JSON. */
async function elsewhere(code: string, prefix: string[] = [], folder = package_): Promise<unknown> {
  const module = `import * as api from ${JSON.stringify(join(folder, 'index.js'))}
    const attempt = (action) => { try { action(); return 'ok' } catch (e) { return { code: e.code, message: e.message, errno: e.errno } } }
    ${code}`
  const child = start([...prefix, process.execPath, '--input-type=module', '-e', module])
  await child.exit
  return JSON.parse(child.output())
}

const openAndProbe = `console.log(JSON.stringify({
  open: attempt(() => api.openQueue({ number: 30 }, () => {}).close()),
  probe: api.probe().ok || api.probe().error.code,
}))`

describe('a wrong option', () => {
  const cases: [string, unknown, string][] = [
    ['number too large', { number: 65536 }, 'number must be an integer from 0 to 65535, not 65536'],
    ['number missing', {}, 'number must be an integer from 0 to 65535, not undefined'],
    ['number no number', { number: '1' }, 'number must be an integer from 0 to 65535, not "1"'],
    ['number broken', { number: 1.5 }, 'number must be an integer from 0 to 65535, not 1.5'],
    ['copyRange', { number: 1, copyRange: 65532 }, 'copyRange must be an integer from 0 to 65531, not 65532'],
    ['maxLength', { number: 1, maxLength: 0 }, 'maxLength must be an integer from 1 to 4294967295, not 0'],
    [
      'receiveBuffer',
      { number: 1, receiveBuffer: -1 },
      'receiveBuffer must be an integer from 1 to 1073741823, not -1',
    ],
    [
      'descriptor',
      { number: 1, descriptor: -1 },
      'descriptor must be an integer from 0 to 2147483647, not -1',
    ],
    ['failOpen', { number: 1, failOpen: 1 }, 'failOpen must be true or false, not 1'],
    ['uidGid', { number: 1, uidGid: 'yes' }, 'uidGid must be true or false, not "yes"'],
    ['onError', { number: 1, onError: 'x' }, 'onError must be a function, not "x"'],
    [
      'a typing error',
      { number: 1, failopen: true },
      'there is no option "failopen"; there are number, copyRange',
    ],
    ['no object', null, 'options must be an object, not null'],
  ]
  test.each(cases)('%s', (_, options, text) => {
    const error = failure(() => openQueue(options as QueueOptions, () => {}))
    expect(error.code).toBe('BAD_OPTION')
    expect(error.message).toContain(text)
  })

  test('no callback', () => {
    const error = failure(() => openQueue({ number: 1 }, undefined as never))
    expect(error).toMatchObject({
      code: 'BAD_OPTION',
      message: 'openQueue: onBatch must be a function, not undefined',
    })
  })

  test.each([
    ['closed', 987654, 'BAD_DESCRIPTOR'],
    ['no socket', 0, 'BAD_DESCRIPTOR'],
  ])('a descriptor that is %s', (_, descriptor, code) => {
    expect(failure(() => openQueue({ number: 1, descriptor }, () => {})).code).toBe(code)
  })

  test.each([
    ['that nobody has', 1, 'BAD_DESCRIPTOR'],
    ['that someone else has', 32, 'QUEUE_TAKEN'],
  ])('the descriptor of another queue than the one %s', async (_, number, code) => {
    const descriptor = open({ number: 31 }).detach()
    open({ number: 32 })
    const errors: Error[] = []
    const adopt = () => openQueue({ number, descriptor, onError: (error) => errors.push(error) }, () => {})
    if (hasTable) {
      atEnd(() => closeSync(descriptor))
      const error = failure(adopt)
      expect(error.code).toBe('BAD_DESCRIPTOR')
      expect(error.message).toContain('has queue 31 bound to it')
    } else {
      // The kernel's refusal comes the way of the packets.
      const queue = adopt()
      atEnd(() => queue.close())
      await until(() => errors.length > 0)
      expect(errors[0]).toMatchObject({ code })
    }
  })
})

describe('opening', () => {
  test('says who has the queue', () => {
    open({ number: 30 })
    const error = failure(() => openQueue({ number: 30 }, () => {}))
    expect(error).toMatchObject({ code: 'QUEUE_TAKEN', errno: 16 })
    if (hasTable)
      expect(error.message).toMatch(new RegExp(`process ${process.pid} \\(.*\\), netlink port \\d+,? has`))
    else expect(error.message).toContain('another socket has bound it')
  })

  test('says that the permission is missing, also if the queue is taken', async () => {
    const powerless = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin']
    expect(await elsewhere(openAndProbe, powerless)).toMatchObject({
      open: { code: 'NO_PERMISSION', errno: 1 },
      probe: 'NO_PERMISSION',
    })
    open({ number: 30 })
    const { open: error } = (await elsewhere(openAndProbe, powerless)) as { open: QueueError }
    expect(error.code).toBe('NO_PERMISSION')
    expect(error.message).toContain('CAP_NET_ADMIN')
  })

  test('with conntrack works, or says what the kernel lacks', () => {
    const error = (() => {
      try {
        return void openQueue({ number: 30, conntrack: true, uidGid: true }, () => {}).close()
      } catch (thrown) {
        return thrown as QueueError
      }
    })()
    if (error === undefined) return
    expect(error).toMatchObject({ code: 'KERNEL_OPTION_MISSING', errno: 95 })
    expect(error.message).toContain(
      'refuses conntrack: conntrack needs a kernel built with CONFIG_NETFILTER_NETLINK_GLUE_CT',
    )
    expect(error.message).not.toContain('uidGid')
    // The refused attempt left nothing behind.
    open({ number: 30 })
  })

  test('in a user namespace takes the receive buffer it is given', async () => {
    const code = `const q = api.openQueue({ number: 30, receiveBuffer: 2 ** 30 - 1 }, () => {})
      console.log(JSON.stringify(q.statistics())); q.close()`
    const statistics = await elsewhere(code, ['unshare', '-Urn'])
    expect(statistics).toMatchObject({ receiveBufferForced: false })
    const { receiveBuffer } = statistics as { receiveBuffer: number }
    expect(receiveBuffer).toBeGreaterThan(4096)
    expect(receiveBuffer).toBeLessThan(2 ** 30)
  })
})

describe('probe', () => {
  test('finds nothing wrong here', () => expect(probe()).toEqual({ ok: true }))
})

describe('without what it needs', () => {
  /** The package as it is where it could not be compiled. */
  function uncompiled(reason?: string): string {
    const folder = mkdtempSync(join(tmpdir(), 'uncompiled-'))
    atEnd(() => rmSync(folder, { recursive: true }))
    for (const name of ['index.js', 'lib', 'package.json'])
      cpSync(join(package_, name), join(folder, name), { recursive: true })
    if (reason) writeFileSync(join(folder, 'install-failure.txt'), reason)
    return folder
  }

  const expected = (code: QueueErrorCode, message: string) => ({
    open: { code, message: expect.stringContaining(message) },
    probe: code,
  })

  test('the addon: it can be imported, and says how to compile it', async () => {
    expect(await elsewhere(openAndProbe, [], uncompiled())).toEqual(
      expected('ADDON_MISSING', 'npm rebuild node-netfilter-queue'),
    )
  })

  test('the addon: it says why it could not be compiled', async () => {
    const folder = uncompiled('make: cc: No such file or directory\n')
    expect(await elsewhere(openAndProbe, [], folder)).toEqual(
      expected('ADDON_MISSING', 'cc: No such file or directory'),
    )
  })

  test('Linux: it can be imported, and says so', async () => {
    const darwin = ['env', `NODE_OPTIONS=--import ${fixture('darwin.mjs')}`]
    expect(await elsewhere(openAndProbe, darwin)).toEqual(expected('NOT_LINUX', 'this is darwin'))
  })
})
