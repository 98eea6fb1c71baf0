import { expect, test } from 'vitest'
import { openNetfilter, QueueError } from '../index.js'
import { run } from './helpers.js'

const GET_TABLE = 0x0a01
const NEW_TABLE = 0x0a00
const REQUEST = 1
const ACK = 4
const DUMP = 0x300
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NFPROTO_INET = 1

/** A message of nf_tables about a table, or all of them. */
function message(type: number, flags: number, table = ''): Buffer {
  const attribute = table === '' ? 0 : 4 + ((table.length + 4) & ~3)
  const bytes = Buffer.alloc(20 + attribute)
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeUInt16LE(type, 4)
  bytes.writeUInt16LE(flags | REQUEST, 6)
  bytes.writeUInt8(NFPROTO_INET, 16)
  if (attribute === 0) return bytes
  bytes.writeUInt16LE(4 + table.length + 1, 20)
  bytes.writeUInt16LE(1, 22)
  bytes.write(table, 24, 'latin1')
  return bytes
}

/** Types of the messages that come as answers. */
function typesOf(bytes: Buffer): number[] {
  const types: number[] = []
  const socket = openNetfilter()
  socket.request(bytes, (answer) => {
    const view = Buffer.from(answer)
    for (let at = 0; at < view.length; at += (view.readUInt32LE(at) + 3) & ~3)
      types.push(view.readUInt16LE(at + 4))
  })
  socket.close()
  return types
}

test('takes all answers, of any number of datagrams', () => {
  expect(typesOf(message(GET_TABLE, ACK, 'none'))).toEqual([NLMSG_ERROR])
  const names = Array.from({ length: 300 }, (_, i) => `test-${i}-${'x'.repeat(100)}`)
  run('nft', names.map((name) => `add table inet ${name}`).join(';'))
  const types = typesOf(message(GET_TABLE, DUMP))
  expect(types.filter((type) => type === NEW_TABLE)).toHaveLength(300)
  expect(types.at(-1)).toBe(NLMSG_DONE)
  run('nft', names.map((name) => `delete table inet ${name}`).join(';'))
})

test('says how much it takes, and refuses more', () => {
  const socket = openNetfilter(2 ** 16)
  expect(socket.limit).toBeGreaterThan(2 ** 15)
  expect(() => socket.request(new Uint8Array(socket.limit * 2), () => {})).toThrow(QueueError)
  expect(() => socket.request(new Uint8Array(socket.limit * 2), () => {})).toThrow(/EMSGSIZE/)
  socket.close()
  socket.close()
  expect(() => socket.request(message(GET_TABLE, ACK, 'none'), () => {})).toThrow(/EBADF/)
})

test.each([0, 1.5, -1, 2 ** 31])('a buffer of %s bytes is none', (bytes) => {
  expect(() => openNetfilter(bytes)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }))
})
