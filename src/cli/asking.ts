import { askGate } from '../control/client.js'
import { ControlError } from '../control/server.js'
import { Failure } from './errors.js'

/** Asks the running gate; what it refuses is told in a few words. */
export async function asking(socket: string, method: string, path: string, body?: object): Promise<unknown> {
  try {
    return await askGate(socket, method, path, body)
  } catch (error) {
    if (error instanceof ControlError) throw new Failure(error.message)
    throw error
  }
}
