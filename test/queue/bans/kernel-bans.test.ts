import fc from 'fast-check'
import type { NetfilterSocket } from 'node-netfilter-queue'
import { describe, expect, test } from 'vitest'
import type { Ban } from '../../../src/bans/table/ban.js'
import { prefixOf } from '../../../src/packet/address.js'
import { KernelBans } from '../../../src/queue/bans/kernel-bans.js'
import { attributesOf, messagesOf, nestedIn } from '../../../src/queue/bans/netlink.js'

const ACK = 4
const NEW_TABLE = 0xa00
const GET_TABLE = 0xa01
const DELETE_TABLE = 0xa02
const NEW_SET = 0xa09
const NEW_ELEMENT = 0xa0c
const DELETE_ELEMENT = 0xa0e
const ENOENT = 2

/** As much of nf_tables as keeps sets: transactions are all or nothing, and what is not there cannot be removed. */
class ModelKernel implements NetfilterSocket {
  readonly limit: number
  sets = new Map<string, Map<string, bigint | undefined>>()
  there = false
  refuses = false
  transactions = 0

  constructor(limit = 2 ** 24) {
    this.limit = limit
  }

  close(): void {}

  request(bytes: Uint8Array, onAnswer: (answer: Uint8Array) => void): void {
    expect(bytes.length).toBeLessThan(this.limit)
    let there = this.there
    const sets = new Map([...this.sets].map(([name, elements]) => [name, new Map(elements)]))
    let error = this.refuses ? 12 : 0
    let acknowledged = false
    for (const message of messagesOf(bytes)) {
      const type = message.readUInt16LE(4)
      const attributes = attributesOf(message)
      const name = () => attributes.get(2)!.toString('latin1').replace('\0', '')
      const set = () => sets.get(name())
      if (type === 16) this.transactions++
      else if (type === NEW_TABLE) there = true
      else if (type === GET_TABLE && !there) error ||= ENOENT
      else if (type === DELETE_TABLE) {
        if (!there) error ||= ENOENT
        there = false
        sets.clear()
      } else if (type === NEW_SET) sets.set(name(), new Map())
      else if (type === NEW_ELEMENT || type === DELETE_ELEMENT) {
        for (const element of elementsOf(attributes.get(3)!)) {
          const parts = nestedIn(element)
          const key = nestedIn(parts.get(1)!).get(1)!.toString('hex')
          if (set() === undefined) error ||= ENOENT
          else if (type === NEW_ELEMENT) {
            if (!set()!.has(key)) set()!.set(key, parts.get(4)?.readBigUInt64BE())
          } else if (!set()!.delete(key)) error ||= ENOENT
        }
      }
      acknowledged ||= (message.readUInt16LE(6) & ACK) !== 0
    }
    expect(acknowledged).toBe(true)
    if (error === 0) {
      this.sets = sets
      this.there = there
    }
    const answer = Buffer.alloc(36)
    answer.writeUInt32LE(36, 0)
    answer.writeUInt16LE(2, 4)
    answer.writeInt32LE(-error, 16)
    onAnswer(answer)
  }

  /** Its elements, with their timeouts in milliseconds. */
  contents(): Record<string, number | undefined> {
    return Object.fromEntries(
      [...this.sets].flatMap(([name, elements]) =>
        [...elements].map(([key, timeout]) => [
          `${name.replace(/-\d+$/, '')} ${key}`,
          timeout === undefined ? undefined : Number(timeout),
        ]),
      ),
    )
  }
}

function* elementsOf(list: Buffer): Generator<Buffer> {
  for (let at = 0; at < list.length; at += list.readUInt16LE(at))
    yield list.subarray(at + 4, at + list.readUInt16LE(at))
}

const EVERYTHING = { ports: [], protocols: [] }
const WEB = { ports: [[80, 80] as const], protocols: ['tcp'] }

function ban(
  value: number,
  jail: string,
  until: number,
  length = 32,
  closed: Ban['closed'] = EVERYTHING,
): Ban {
  const source = prefixOf({ bits: 32, value: BigInt(value) }, length)
  return { source, jail, since: 0, until, times: 1, lines: [], closed }
}

function bansOn(kernel: ModelKernel) {
  const problems: string[] = []
  const bans = new KernelBans({
    socket: kernel,
    reset: false,
    clock: () => 0,
    report: (problem) => problems.push(problem),
  })
  bans.install()
  return { bans, problems }
}

describe('bans in the kernel', () => {
  test('a source of several jails stays until the last of its bans ends', () => {
    const kernel = new ModelKernel()
    const { bans } = bansOn(kernel)
    bans.ban([ban(1, 'a', 5000), ban(1, 'b', 9000), ban(2, 'a', Number.POSITIVE_INFINITY)])
    bans.ban([ban(256, 'a', 7000, 24), ban(3, 'c', 1000, 32, WEB)])
    expect(kernel.contents()).toEqual({
      'sources-ipv4-32 00000001': 10_000,
      'sources-ipv4-32 00000002': undefined,
      'sources-ipv4-24 00000100': 8000,
      'sources-ipv4-32 00000003': 2000,
    })
    bans.unban([ban(1, 'b', 9000), ban(2, 'a', 0)])
    expect(kernel.contents()).toMatchObject({ 'sources-ipv4-32 00000001': 6000 })
    bans.unban([ban(1, 'a', 5000), ban(256, 'a', 7000, 24), ban(3, 'c', 0)])
    expect(kernel.contents()).toEqual({})
  })

  test('an element that the kernel has let go by itself can be removed and made anew', () => {
    const kernel = new ModelKernel()
    const { bans, problems } = bansOn(kernel)
    bans.ban([ban(1, 'a', 5000), ban(2, 'a', 5000)])
    for (const elements of kernel.sets.values()) elements.clear()
    bans.unban([ban(1, 'a', 5000)])
    bans.ban([ban(2, 'a', 6000)])
    expect(kernel.contents()).toEqual({ 'sources-ipv4-32 00000002': 7000 })
    expect(problems).toEqual([])
  })

  test('any number is one transaction, or as many as the socket takes', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => ban(i, 'a', 5000))
    const large = new ModelKernel()
    bansOn(large).bans.ban(many)
    expect(large.transactions).toBe(2)
    const small = new ModelKernel(200_000)
    bansOn(small).bans.ban(many)
    expect(small.transactions).toBeGreaterThan(5)
    for (const kernel of [large, small]) expect(Object.keys(kernel.contents())).toHaveLength(20_000)
  })

  test('what the kernel refuses is said once, kept in mind, and put there when it takes it', () => {
    const kernel = new ModelKernel()
    const { bans, problems } = bansOn(kernel)
    kernel.refuses = true
    bans.ban([ban(1, 'a', 5000)])
    bans.ban([ban(2, 'a', 5000)])
    bans.check()
    expect([problems.length, bans.failing]).toEqual([1, true])
    expect(problems[0]).toContain('the kernel does not take bans: ENOMEM')
    kernel.refuses = false
    bans.check()
    expect(problems[1]).toContain('put back with all 2 bans')
    expect([Object.keys(kernel.contents()).length, bans.failing]).toEqual([2, false])
    kernel.there = false
    kernel.sets.clear()
    bans.check()
    expect(problems[2]).toContain('it was removed')
    expect(Object.keys(kernel.contents())).toHaveLength(2)
  })

  test('the kernel has what is in force, whatever happens', () => {
    const anyBan = fc.record({
      value: fc.nat(3),
      jail: fc.constantFrom('a', 'b'),
      until: fc.integer({ min: 1, max: 5 }).map((seconds) => seconds * 1000),
      length: fc.constantFrom(32, 31),
      closed: fc.constantFrom<Ban['closed']>(EVERYTHING, WEB),
    })
    const step = fc.record({
      kind: fc.constantFrom('ban', 'unban', 'lose'),
      bans: fc.array(anyBan, { minLength: 1, maxLength: 4 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const kernel = new ModelKernel()
        const { bans } = bansOn(kernel)
        const inForce = new Map<string, Ban>()
        for (const { kind, bans: which } of steps) {
          const made = which.map(({ value, jail, until, length, closed }) =>
            ban(value, jail, until, length, closed),
          )
          const key = ({ source, jail }: Ban) => `${source.value}/${source.length} ${jail}`
          if (kind === 'ban') for (const one of made) inForce.set(key(one), one)
          if (kind === 'unban') for (const one of made) inForce.delete(key(one))
          if (kind === 'ban') bans.ban(made)
          else if (kind === 'unban') bans.unban(made)
          else {
            kernel.there = false
            kernel.sets.clear()
            bans.check()
          }
        }
        const expected = new Map<string, number>()
        for (const { source, until, closed } of inForce.values()) {
          const key = `${source.length} ${closed.ports.length} ${source.value}`
          expected.set(key, Math.max(until + 1000, expected.get(key) ?? 0))
        }
        const found = [...kernel.sets.values()].flatMap((elements) => [...elements.values()].map(Number))
        expect(found.sort()).toEqual([...expected.values()].sort())
      }),
    )
  })
})
