/** The running kernel as judge: the C program of test/kernel/judge, spoken with line by line. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  ADDRESSES,
  type Answer,
  type Case,
  type Counter,
  INTERFACES,
  isPacket,
  type Outcome,
  type Refusal,
} from './case.js'

const SOURCES = 'test/kernel/judge'
const FLAGS = ['-O2', '-Wall', '-Wextra', '-Werror']
/** Milliseconds that a case may take. */
const PATIENCE = 60_000
/** Where the taps are, which nobody's rules are. */
const TAPS = 'portcullis_taps'

/** Compiles the program; returns its path. Throws with the compiler's words if that fails. */
export function compileJudge(folder: string): string {
  const program = join(folder, 'judge')
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.c'))
  execFileSync('gcc', [...FLAGS, '-o', program, ...sources.map((name) => `${SOURCES}/${name}`)], {
    stdio: 'pipe',
  })
  return program
}

/** A process of the program. Each case gets a network of its own. */
export class KernelJudge {
  readonly #program: string
  readonly #forwards: boolean
  #child: ChildProcessWithoutNullStreams
  #answers: AsyncIterator<string>

  constructor(program: string, forwards = true) {
    this.#program = program
    this.#forwards = forwards
    this.#child = this.#start()
    this.#answers = linesOf(this.#child)
  }

  #start(): ChildProcessWithoutNullStreams {
    const args = [...INTERFACES.flatMap((name) => ['-i', name]), ...ADDRESSES.flatMap((one) => ['-a', one])]
    if (this.#forwards) args.push('-f')
    const child = spawn(this.#program, args, { env: { ...process.env, TZ: 'UTC' } })
    child.stderr.pipe(process.stderr)
    // Its end shows in the answers.
    child.stdin.on('error', () => {})
    return child
  }

  async judge({ loader, rules, lines }: Case): Promise<Outcome | Refusal> {
    const text = Buffer.from(rules)
    this.#child.stdin.write(`N\nL ${loader} ${text.length}\n`)
    this.#child.stdin.write(text)
    this.#child.stdin.write(`${lines.join('\n')}\nC\n`)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE)
    try {
      return await this.#read(lines.filter(isPacket).length, loader)
    } catch (error) {
      this.#child.kill('SIGKILL')
      this.#child = this.#start()
      this.#answers = linesOf(this.#child)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  async #read(packets: number, loader: Case['loader']): Promise<Outcome | Refusal> {
    const origin = BigInt((await this.#next('N'))[1]!)
    const [, code, loaded, ...said] = await this.#next('L')
    const answers: Answer[] = []
    while (answers.length < packets) {
      const [, verdict, , mark, before] = await this.#next(String(answers.length))
      answers.push({ verdict: verdict!, mark: mark ?? '0', time: Number(before ?? 0) })
    }
    const listed = (await this.#next('C')).slice(1).join(' ')
    if (code !== '0') return { refused: said.join(' ') }
    const counters = loader === 'nft' ? countersOf(listed) : savedCounters(listed, loader)
    return { origin, loaded: Number(loaded), answers, counters }
  }

  /** The words of the next answer, which begins with one that is expected; a packet's number counts from where it may. */
  async #next(first: string): Promise<string[]> {
    const { value, done } = await this.#answers.next()
    if (done) throw new Error('the judge ended')
    const words = String(value).split(' ')
    if (/^\d+$/.test(first) ? !/^\d+$/.test(words[0]!) : words[0] !== first)
      throw new Error(`the judge said ${value} where ${first} was expected`)
    return words
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.stdin.end()
    await once(this.#child, 'exit')
  }
}

async function* linesOf(child: ChildProcessWithoutNullStreams): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of child.stdout.setEncoding('latin1') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    yield* lines
  }
}

interface ListedRule {
  readonly family: string
  readonly table: string
  readonly chain: string
  readonly expr: readonly { readonly counter?: unknown }[]
}

/** The counters of rules in nft's JSON. */
function countersOf(listed: string): Counter[] {
  const { nftables = [] } = JSON.parse(listed || '{}') as { nftables?: { rule?: ListedRule }[] }
  const places = new Map<string, number>()
  return nftables.flatMap(({ rule }) => {
    if (rule === undefined || rule.table === TAPS) return []
    const chain = `${rule.family} ${rule.table} ${rule.chain}`
    const place = places.get(chain) ?? 0
    places.set(chain, place + 1)
    const counters = rule.expr.flatMap(({ counter }) => (isCounted(counter) ? [counter] : []))
    return counters.map(({ packets, bytes }, index) => ({ of: `${chain} ${place}.${index}`, packets, bytes }))
  })
}

/** The counters of rules in what a save command of iptables says. */
function savedCounters(saved: string, loader: string): Counter[] {
  const family = loader.startsWith('ip6') ? 'ip6' : 'ip'
  const places = new Map<string, number>()
  let table = ''
  return saved.split('|').flatMap((line) => {
    if (line.startsWith('*')) table = line.slice(1)
    const [, packets, bytes, name] = /^\[(\d+):(\d+)\] -A (\S+)/.exec(line) ?? []
    if (name === undefined) return []
    const chain = `${family} ${table} ${name}`
    const place = places.get(chain) ?? 0
    places.set(chain, place + 1)
    return { of: `${chain} ${place}.0`, packets: Number(packets), bytes: Number(bytes) }
  })
}

/** A counter of the rule's own; named ones are listed by their names, or by what yields them. */
function isCounted(counter: unknown): counter is Omit<Counter, 'of'> {
  return typeof counter === 'object' && counter !== null && 'packets' in counter
}
