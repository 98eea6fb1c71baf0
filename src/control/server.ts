import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'

/** Bytes that a request may have. */
const LONGEST = 2 ** 16

/** A request that cannot be met; the message is for people. */
export class ControlError extends Error {
  override readonly name = 'ControlError'
}

/** Answers a request's JSON with what becomes JSON again. May throw ControlError. */
export type Handler = (body: unknown) => Promise<unknown>

/** By method and path: `GET /bans`. */
export type Handlers = Readonly<Record<string, Handler>>

/**
 * The control socket of a running gate: HTTP with JSON on a socket of the file system that only its owner may use, in a
 * folder of its own.
 */
export class ControlServer {
  readonly path: string
  readonly #server: Server

  private constructor(path: string, server: Server) {
    this.path = path
    this.#server = server
  }

  /** Throws ControlError if another gate listens there, or the socket cannot be made. */
  static async open(path: string, handlers: Handlers): Promise<ControlServer> {
    if (await isAnswering(path))
      throw new ControlError(`portcullis runs already: its control socket is ${path}`)
    const server = createServer((request, response) => void handle(handlers, request, response))
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      // What a gate that was killed left behind.
      rmSync(path, { force: true })
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))
      chmodSync(path, 0o600)
    } catch (error) {
      server.close()
      throw new ControlError(`the control socket ${path} cannot be made: ${(error as Error).message}`)
    }
    return new ControlServer(path, server)
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }
}

function isAnswering(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

async function handle(handlers: Handlers, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const name = `${request.method} ${request.url}`
  const answer = (status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body ?? null))
  }
  try {
    if (!Object.hasOwn(handlers, name)) return answer(404, { error: `there is no ${name}` })
    answer(200, await handlers[name]!(await bodyOf(request)))
  } catch (error) {
    const { message } = error as Error
    answer(error instanceof ControlError ? 400 : 500, { error: message })
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > LONGEST) throw new ControlError(`a request has at most ${LONGEST} bytes`)
    chunks.push(chunk)
  }
  if (length === 0) return undefined
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    throw new ControlError('the request is no JSON')
  }
}
