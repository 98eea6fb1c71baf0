import { type Logger, pino } from 'pino'
import { PinoPretty } from 'pino-pretty'

/** Bytes of lines that could not be written yet, at most. */
const PENDING = 2 ** 20

/**
 * The log on standard output: a line of JSON an event, or where that is a terminal the messages alone, for
 * people. What is logged has a field `event`: ready, denied, suppressed, summary, error, stopped.
 */
export function openLog(): Logger {
  const options = { base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (!process.stdout.isTTY) {
    // A full disk or a reader that went away loses lines: no reason for the gate to fall.
    const destination = pino.destination({ dest: 1, sync: true, maxLength: PENDING }).on('error', () => {})
    return pino(options, destination)
  }
  return pino(options, PinoPretty({ hideObject: true, sync: true }))
}
