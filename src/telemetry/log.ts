import { type Logger, pino } from 'pino'
import { PinoPretty } from 'pino-pretty'

/**
 * The log on standard output: a line of JSON an event, or where that is a terminal the messages alone, for
 * people. What is logged has a field `event`: ready, denied, suppressed, summary, error, stopped.
 */
export function openLog(): Logger {
  const options = { base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (!process.stdout.isTTY) return pino(options, pino.destination({ dest: 1, sync: true }))
  return pino(options, PinoPretty({ hideObject: true, sync: true }))
}
