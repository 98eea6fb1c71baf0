/** Commands of iptables and ip6tables as a script has them, one a line. */
import { attempt } from '../reports.js'
import { applyCommand } from './commands.js'
import type { Backend, IpFamily } from './extensions/extension.js'
import type { Firewall } from './firewall.js'
import { applyIpset } from './ipset/commands.js'
import { eachLine } from './lines.js'
import type { Reader } from './reader.js'
import { splitShell, type Word } from './words.js'

/** The program's name, with its path or `sudo` before it. */
const PROGRAM = /^(?:sudo[ \t]+)?(?:[\w./-]*\/)?(iptables|ip6tables)(?:-(legacy|nft))?(?=[ \t\\]|$)/

/** ipset's, with one of its commands. */
const IPSET =
  /^(?:sudo[ \t]+)?(?:[\w./-]*\/)?ipset[ \t]+(?:-!|-?-exist[ \t]+)?[ \t]*(?:-|create|add|del|flush|destroy|rename|swap|list|save|test)/

export interface Program {
  readonly family: IpFamily
  readonly backend: Backend | undefined
}

/** The program that a line calls. */
export function programOf(line: string): Program | undefined {
  const [, name, backend] = PROGRAM.exec(line) ?? []
  return name === undefined
    ? undefined
    : { family: name === 'iptables' ? 'ip' : 'ip6', backend: backend as Backend | undefined }
}

export interface ScriptOptions {
  readonly backend: Backend
  /** Lines that are no commands are passed over, and noted as such. */
  readonly prose: boolean
}

/** What the words that begin a shell's own lines are part of. */
const SHELL_WORDS: ReadonlyMap<string, string> = new Map([
  ...['for', 'while', 'until', 'do', 'done'].map((word) => [word, 'a loop'] as const),
  ...['if', 'then', 'else', 'elif', 'fi', 'case', 'esac', '[', '[['].map(
    (word) => [word, 'a condition'] as const,
  ),
  ...['function', '{', '}'].map((word) => [word, 'a function or group'] as const),
])

/** Reads the commands of a text, and applies them. */
export function readScript(reader: Reader, firewall: Firewall, { backend, prose }: ScriptOptions): void {
  eachLine(reader, (start, line) => {
    const program = programOf(line)
    const isIpset = IPSET.test(line)
    const isCommand =
      isIpset || (program !== undefined && (!prose || /^[^#]*?tables(?:-\w+)?[ \t]+(?:-|!|\\)/.test(line)))
    if (!isCommand && prose) {
      reader.passOver({ at: start, end: start + line.length }, 'this is no command')
      return start + line.length
    }
    const { words, end } = splitShell(reader, start)
    if (words === undefined) return end
    if (isIpset) {
      const own = words.findIndex(({ text }) => /(?:^|\/)ipset$/.test(text))
      attempt(() => applyIpset(words.slice(own + 1), reader, firewall.ipsets))
      return end
    }
    if (program === undefined) {
      noCommand(reader, words[0] ?? { text: line, at: start, end })
      return end
    }
    const own = words.findIndex(({ text }) => /tables(?:-\w+)?$/.test(text))
    const rest = words.slice(own + 1)
    const { family } = program
    if (rest.length === 0) reader.report(words[own]!, 'this command says not what is to be done')
    else attempt(() => applyCommand(rest, { reader, firewall, family, backend: program.backend ?? backend }))
    return end
  })
}

function noCommand(reader: Reader, word: Word): void {
  const { text } = word
  const shell = SHELL_WORDS.get(text)
  if (shell !== undefined)
    reader.report(
      word,
      `${text} is of ${shell} of the shell`,
      'portcullis runs no shell: write the commands out',
    )
  else if (/^\w+=/.test(text))
    reader.report(
      word,
      `${text} sets a variable of the shell`,
      'portcullis runs no shell: write its value where it is used',
    )
  else
    reader.report(
      word,
      `${text.slice(0, 40)} is no command of iptables or ip6tables`,
      '--prose passes such lines over',
    )
}
