import { type Logger, pino } from 'pino'
import { PinoPretty } from 'pino-pretty'

/**
 * The log on standard output: a line of JSON an event, or text for people where that is a terminal. What is
 * logged has a field `event`: ready, denied, suppressed, summary, error, stopped.
 */
export function openLog(): Logger {
  const options = { base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (!process.stdout.isTTY) return pino(options, pino.destination({ dest: 1, sync: true }))
  return pino(options, PinoPretty({ ignore: 'event', singleLine: true, sync: true }))
}
