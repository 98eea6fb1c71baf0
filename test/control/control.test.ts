import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { askGate } from '../../src/control/client.js'
import { ControlError, ControlServer } from '../../src/control/server.js'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-control-'))
  path = join(folder, 'own', 'control.sock')
})
afterEach(() => rmSync(folder, { recursive: true }))

const handlers = {
  'GET /it': async () => ({ is: 'there' }),
  'DELETE /it': async (body: unknown) => ({ gone: body }),
  'POST /it': async () => {
    throw new ControlError('no')
  },
}

test('asks and answers; what cannot be done is told', async () => {
  const server = await ControlServer.open(path, handlers)
  expect(await askGate(path, 'GET', '/it')).toEqual({ is: 'there' })
  expect(await askGate(path, 'DELETE', '/it', { a: [1] })).toEqual({ gone: { a: [1] } })
  await expect(askGate(path, 'POST', '/it')).rejects.toThrow(new ControlError('no'))
  await expect(askGate(path, 'PUT', '/it')).rejects.toThrow('there is no PUT /it')
  await expect(askGate(path, 'DELETE', '/it', { long: 'x'.repeat(70_000) })).rejects.toThrow('at most')
  await server.close()
  await expect(askGate(path, 'GET', '/it')).rejects.toThrow('no portcullis runs')
})

test('is its owner’s alone, one a path, and takes over what was left behind', async () => {
  const server = await ControlServer.open(path, handlers)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(join(folder, 'own')).mode & 0o777).toBe(0o700)
  await expect(ControlServer.open(path, handlers)).rejects.toThrow('portcullis runs already')
  expect(await askGate(path, 'GET', '/it')).toEqual({ is: 'there' })
  await server.close()
  writeFileSync(path, '')
  const next = await ControlServer.open(path, handlers)
  expect(await askGate(path, 'GET', '/it')).toEqual({ is: 'there' })
  await next.close()
  writeFileSync(join(folder, 'file'), '')
  await expect(ControlServer.open(join(folder, 'file', 'x'), handlers)).rejects.toThrow('cannot be made')
})

test('what answers otherwise is no gate', async () => {
  const other = createServer((_, response) => response.end('hello')).listen(join(folder, 'other'))
  await expect(askGate(join(folder, 'other'), 'GET', '/it')).rejects.toThrow('is no portcullis')
  other.close()
})
