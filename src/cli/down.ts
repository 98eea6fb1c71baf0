import { Divert, DivertError } from '../queue/divert/divert.js'
import { Failure } from './errors.js'

export const usage = `portcullis down

Takes down divert rules that a killed portcullis run left behind. Needs root.`

export async function down(): Promise<void> {
  try {
    const removed = await Divert.remove()
    process.stdout.write(removed ? 'The divert rules are gone.\n' : 'There are no divert rules.\n')
  } catch (error) {
    if (error instanceof DivertError) throw new Failure(error.message)
    throw error
  }
}
