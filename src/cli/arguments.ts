import { type ParseArgsConfig, parseArgs } from 'node:util'
import { Misuse } from './errors.js'

/** The options and the other words of a command line. Throws Misuse if there is an option that is none. */
export function parseOptions<const T extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: T,
): ReturnType<typeof parseArgs<{ args: string[]; options: T; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new Misuse((error as Error).message)
  }
}
