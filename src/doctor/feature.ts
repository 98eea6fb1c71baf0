/** What a feature of the kernel, or a setting of the machine, was found to be. */
export interface Finding {
  /** `fine`: as it should be. `worse`: Portcullis works, with less. `missing`: it cannot work. */
  readonly state: 'fine' | 'worse' | 'missing'
  /** What was found, in a few words: a version, a value, the kernel's own answer. */
  readonly detail: string
}

/** Something that matters to the gate, and how to look whether it is there. */
export interface Feature {
  /** A short name, the same for ever: for scripts that read the JSON. */
  readonly name: string
  /** What it is, for people. */
  readonly title: string
  /** Looks; changes nothing that lasts. Never throws. */
  readonly probe: (machine: Machine) => Finding
  /** What follows when it is not fine. */
  readonly otherwise: string
  /** What to do then. */
  readonly remedy: string
}

/** How a command ended; `missing`: there is no such program. */
export interface Ended {
  readonly code: number
  readonly missing: boolean
  readonly output: string
}

/** What probes may ask. */
export interface Machine {
  /** The text of a small file, trimmed; undefined if it cannot be read. */
  read(path: string): string | undefined
  /** Runs a program to its end, here. */
  run(command: string, ...args: readonly string[]): Ended
  /** Runs a program in a network namespace of its own, where nothing it does remains. */
  apart(command: string, ...args: readonly string[]): Ended
}

export const fine = (detail: string): Finding => ({ state: 'fine', detail })
export const worse = (detail: string): Finding => ({ state: 'worse', detail })
export const missing = (detail: string): Finding => ({ state: 'missing', detail })

/** The first line of what a program said, without its name. */
export function said({ output, missing }: Ended): string {
  if (missing) return 'the program is not installed'
  return (output.trim().split('\n')[0] ?? '').replace(/^(\w[\w-]*: )?(v[\d.]+ \([\w_]+\): )?(Error: )?/i, '')
}
