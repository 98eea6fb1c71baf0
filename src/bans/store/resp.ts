import { connect, type Socket } from 'node:net'

/** A value as Redis answers it (RESP2). */
export type Reply = string | number | null | Error | readonly Reply[]

/** Milliseconds that an answer may take, and bytes that one may have. */
const ANSWER_MS = 3000
const LONGEST_REPLY = 64 * 2 ** 20
/** How deep arrays may stand within each other. */
const DEEPEST = 4

export interface RedisAddress {
  readonly host: string
  readonly port: number
  readonly user?: string
  readonly password?: string
  readonly database?: number
}

/** Reads redis://[[user]:password@]host[:port][/database]; undefined if it is no such address. */
export function parseRedisUrl(text: string): RedisAddress | undefined {
  if (!URL.canParse(text)) return undefined
  const { protocol, hostname, port, username, password, pathname } = new URL(text)
  const database = pathname.replace('/', '')
  if (protocol !== 'redis:' || hostname === '' || !/^\d{0,3}$/.test(database)) return undefined
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? 6379 : Number(port),
    ...(username !== '' && { user: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(database !== '' && { database: Number(database) }),
  }
}

interface Waiting {
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

/** One connection to Redis. It ends with the first thing that goes wrong; whoever needs another makes it. */
export class RedisConnection {
  readonly #socket: Socket
  readonly #waiting: Waiting[] = []
  #received: Buffer[] = []
  #size = 0
  #error: Error | undefined
  /** Takes the messages of channels that one has subscribed to. */
  onMessage: (message: string) => void = () => {}
  /** Called once, when the connection has ended. */
  onEnd: (error: Error) => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 1000)
    socket.on('data', (bytes: Buffer) => this.#data(bytes))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the connection has ended')))
  }

  /** Connects, and says who one is. Rejects with what went wrong. */
  static async open({ host, port, user, password, database }: RedisAddress): Promise<RedisConnection> {
    const connection = new RedisConnection(connect({ host, port }))
    if (password !== undefined) await connection.send('AUTH', ...(user === undefined ? [] : [user]), password)
    if (database !== undefined) await connection.send('SELECT', String(database))
    await connection.send('PING')
    return connection
  }

  /** Sends a command; rejects with what Redis says is wrong with it, or when no answer comes. */
  send(...words: readonly string[]): Promise<Reply> {
    if (this.#error !== undefined) return Promise.reject(this.#error)
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
    this.#socket.write(`*${words.length}\r\n${parts.join('')}`)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(new Error('no answer came in time')), ANSWER_MS)
      const done =
        <T>(then: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer)
          then(value)
        }
      this.#waiting.push({ resolve: done(resolve), reject: done(reject) })
    })
  }

  close(): void {
    this.#fail(new Error('closed'))
  }

  #fail(error: Error): void {
    if (this.#error !== undefined) return
    this.#error = error
    this.#socket.destroy()
    for (const { reject } of this.#waiting.splice(0)) reject(error)
    this.onEnd(error)
  }

  #data(bytes: Buffer): void {
    this.#received.push(bytes)
    this.#size += bytes.length
    // A long answer comes in many parts: they are put together when its end may be there.
    if (bytes.at(-1) !== 10) return
    if (this.#size > LONGEST_REPLY) {
      this.#fail(new Error('an answer is too long'))
      return
    }
    const reader = new ReplyReader(Buffer.concat(this.#received))
    try {
      for (let reply = reader.next(); reply !== undefined; reply = reader.next()) this.#take(reply)
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    this.#received = [reader.rest]
    this.#size = reader.rest.length
  }

  #take(reply: Reply): void {
    if (Array.isArray(reply) && reply[0] === 'message') {
      this.onMessage(String(reply[2]))
      return
    }
    const waiting = this.#waiting.shift()
    if (reply instanceof Error) waiting?.reject(reply)
    else waiting?.resolve(reply)
  }
}

class ReplyReader {
  readonly #bytes: Buffer
  #at = 0
  /** Where the last whole reply ended. */
  #whole = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get rest(): Buffer {
    return this.#bytes.subarray(this.#whole)
  }

  /** The next whole reply; undefined if more has to come. Throws if it is none. */
  next(): Reply | undefined {
    const reply = this.#reply(0)
    if (reply !== undefined) this.#whole = this.#at
    return reply
  }

  #reply(depth: number): Reply | undefined {
    const end = this.#bytes.indexOf('\r\n', this.#at)
    if (end < 0) return undefined
    const kind = String.fromCharCode(this.#bytes[this.#at]!)
    const text = this.#bytes.toString('utf8', this.#at + 1, end)
    this.#at = end + 2
    if (kind === '+') return text
    if (kind === '-') return new Error(text)
    const number = Number(text)
    if (!Number.isInteger(number)) throw new Error('this is no Redis')
    if (kind === ':') return number
    if (kind === '$') return number < 0 ? null : this.#bulk(number)
    if (kind !== '*' || depth === DEEPEST) throw new Error('this is no Redis')
    if (number < 0) return null
    const items: Reply[] = []
    for (let i = 0; i < number; i++) {
      const item = this.#reply(depth + 1)
      if (item === undefined) return undefined
      items.push(item)
    }
    return items
  }

  #bulk(length: number): string | undefined {
    if (length > LONGEST_REPLY) throw new Error('an answer is too long')
    const end = this.#at + length
    if (this.#bytes.length < end + 2) return undefined
    const text = this.#bytes.toString('utf8', this.#at, end)
    this.#at = end + 2
    return text
  }
}
