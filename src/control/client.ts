import { request } from 'node:http'
import { ControlError } from './server.js'

/** Where a gate listens unless it is told otherwise. */
export const CONTROL_SOCKET = '/run/portcullis/control.sock'

/** Bytes that an answer may have: two hundred thousand bans with their lines. */
const LONGEST = 2 ** 29

/** Asks a running gate. Throws ControlError if none runs there, or it cannot do what it is asked for. */
export function askGate(socketPath: string, method: string, path: string, body?: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body)
    // Said, as otherwise a DELETE has no body.
    const headers = { 'content-length': Buffer.byteLength(text) }
    const asking = request({ socketPath, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      let length = 0
      response.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length <= LONGEST) chunks.push(chunk)
        else response.destroy(new ControlError('the answer is too long'))
      })
      response.on('error', reject)
      response.on('end', () => {
        try {
          const answer = JSON.parse(Buffer.concat(chunks).toString()) as { readonly error?: string }
          if (response.statusCode === 200) resolve(answer)
          else reject(new ControlError(answer.error ?? `it answered ${response.statusCode}`))
        } catch {
          reject(new ControlError(`what answers at ${socketPath} is no portcullis`))
        }
      })
    })
    asking.on('error', (error: NodeJS.ErrnoException) => reject(new ControlError(explain(error, socketPath))))
    asking.end(text)
  })
}

function explain({ code, message }: NodeJS.ErrnoException, path: string): string {
  if (code === 'ENOENT' || code === 'ECONNREFUSED')
    return `no portcullis runs: nobody listens at ${path} (portcullis run starts one; --socket says where it listens)`
  if (code === 'EACCES' || code === 'EPERM') return `${path} is root's: ask as root`
  return `the gate at ${path} does not answer: ${message}`
}
