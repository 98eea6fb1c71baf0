/** Files of KEY=value lines, as /etc/default/ufw and ufw.conf are. Nothing in them is run. */
import type { Position } from '../../ruleset/model.js'

export interface Setting {
  readonly value: string
  readonly position: Position
}

/** By their keys; of several the last counts. */
export class Settings {
  readonly #settings = new Map<string, Setting>()
  /** The last line, for what is missing. */
  readonly end: Position

  constructor(end: Position) {
    this.end = end
  }

  get(key: string): Setting | undefined {
    return this.#settings.get(key)
  }

  set(key: string, setting: Setting): void {
    this.#settings.set(key, setting)
  }
}

export function readSettings(text: string, file: string): Settings {
  const lines = text.split('\n')
  const settings = new Settings({ file, line: Math.max(1, lines.length), column: 1 })
  for (const [i, line] of lines.entries()) {
    const [, key, value] = /^[ \t]*(\w{1,64})=(.*)$/.exec(line.replace(/\r$/, '')) ?? []
    if (key === undefined || value === undefined) continue
    const position = { file, line: i + 1, column: line.indexOf('=') + 2 }
    settings.set(key, { value: value.trim().replace(/^(["'])(.*)\1$/, '$2'), position })
  }
  return settings
}
