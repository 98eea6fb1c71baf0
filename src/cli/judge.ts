import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { EVALUATORS, type EvaluatorName } from '../engine/host/evaluators.js'
import type { HostAddress, HostSettings } from '../engine/host/settings.js'
import { parseAddress } from '../packet/address.js'
import { parseOptions } from './arguments.js'
import { Misuse, UserError } from './errors.js'
import { Lines } from './judge/lines.js'
import { LONGEST_LINE, Session } from './judge/session.js'
import { loadPolicy, translating } from './policy.js'

export const usage = `portcullis judge --policy RULES [-i NAME]… [-a ADDRESS/LENGTH@NAME]… [-f] [-l] < PACKETS

Says what the kernel would do with packets under a policy or a ruleset: line by line, from standard input.

  --policy RULES           a policy, or a ruleset in any language that Portcullis reads
  -i NAME                  an interface; the first has the default route (default: eth0)
  -a ADDRESS/LENGTH@NAME   an address of the host
  -f                       the host forwards packets that are not for it
  -l                       every address is the host's own
  --evaluator tree|reference
                           the engine that stands at the gate, or the plain one that it is held against
  --time real|virtual      by the clock; or from 0 on (1970), and only W lets time pass (default: real)
  --explain                says who decided: FILE:LINE of a rule, policy-of:CHAIN, or -

  I NAME HEX      a packet arrives there: the IP header first
  O - HEX         root sends a packet through a raw socket
  W MILLISECONDS  waits
  X policy FILE   judges by other rules from now on; answered X 0, or X 1 if they are bad and the old ones stay
  F               writes the answers out

Each packet is answered by its number, from 0 on, a verdict, and in hex the mark that it leaves with: accept, drop,
reject:KIND (what the kernel sends back: tcp-reset, icmp-TYPE/CODE, icmpv6-TYPE/CODE), lost-before-hook (it comes no
further than prerouting: not for us, held as a fragment, …) or never-seen (no hook sees it). Connections are tracked
where the ruleset looks at them, as in the kernel.`

/** The interfaces are TUN devices, and settings are such that no packet is turned away for its source. */
export const SETTINGS = {
  acceptLocal: true,
  routeLocalnet: true,
  acceptSourceRoute: true,
  noArp: true,
  mtu: 1500,
} as const
/** What the kernel takes for an interface's name (dev_valid_name in net/core/dev.c). */
const NAME = /^(?!\.{1,2}$)[^\s/:]{1,15}$/
/** Most characters of answers that wait to be written. */
const ANSWERS = 65_536
const LONGEST_WAIT = 2 ** 31 - 1
const NANOSECONDS = 1e6

interface Options {
  readonly policy: string
  readonly settings: HostSettings
  readonly evaluator: EvaluatorName
  readonly virtual: boolean
  readonly explain: boolean
}

export async function judge(args: readonly string[]): Promise<void> {
  await new Judge(parse(args)).run()
}

class Judge {
  readonly #virtual: boolean
  readonly #session: Session
  readonly #lines = new Lines(LONGEST_LINE)
  readonly #started = performance.now()
  #answers = ''
  /** Milliseconds to wait before the next line, or -1. */
  #wait = -1
  #flush = false

  constructor({ policy, virtual, settings, evaluator, explain }: Options) {
    this.#virtual = virtual
    const now = BigInt(Math.round((performance.timeOrigin + this.#started) * NANOSECONDS))
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
    const { ruleset } = loadPolicy([policy])
    const options = {
      settings,
      evaluator,
      explain,
      seeds: [randomInt(2 ** 32), randomInt(2 ** 32)] as const,
      random: () => randomInt(2 ** 32),
      clock: { origin: virtual ? 0n : now, timeZone },
    }
    this.#session = translating(() => new Session(ruleset, options))
  }

  async run(): Promise<void> {
    const line = (bytes: Buffer | undefined, start: number, end: number) => this.#obey(bytes, start, end)
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; ) {
        at = this.#lines.feed(chunk, at, line)
        await this.#pause()
      }
    }
    this.#lines.finish(line)
    await this.#pause()
    await this.#write()
  }

  /** Answers a line; false if something has to be waited for before the next. */
  #obey(bytes: Buffer | undefined, start: number, end: number): boolean {
    if (!this.#virtual) this.#session.time = Math.round((performance.now() - this.#started) * NANOSECONDS)
    const answer = bytes === undefined ? undefined : this.#session.judge(bytes, start, end)
    if (answer !== undefined) this.#answers += answer
    else this.#command(bytes?.toString('latin1', start, end))
    return this.#answers.length < ANSWERS && this.#wait < 0 && !this.#flush
  }

  #command(line: string | undefined): void {
    const [, command, argument = ''] = /^(\S) ?(.*)$/.exec(line ?? '') ?? []
    if (command === 'F' && argument === '') this.#flush = true
    else if (command === 'W' && /^\d{1,10}$/.test(argument) && Number(argument) <= LONGEST_WAIT) {
      if (this.#virtual) this.#session.time += Number(argument) * NANOSECONDS
      else this.#wait = Number(argument)
    } else if (command === 'X' && argument.startsWith('policy ')) {
      this.#answers += `X ${this.#swap(argument.slice('policy '.length)) ? 0 : 1}\n`
      this.#flush = true
    } else this.#answers += `error ${line === undefined ? 'line-too-long' : 'no-command'}\n`
  }

  /** Judges by the rules of another file; false, and tells why, if they are bad. */
  #swap(file: string): boolean {
    try {
      const { ruleset } = loadPolicy([file])
      translating(() => this.#session.swap(ruleset))
      return true
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      process.stderr.write(`${error.message}\n`)
      return false
    }
  }

  async #pause(): Promise<void> {
    if (this.#answers.length >= ANSWERS || this.#flush || this.#wait >= 0) await this.#write()
    this.#flush = false
    if (this.#wait >= 0) await sleep(this.#wait)
    this.#wait = -1
  }

  async #write(): Promise<void> {
    const answers = this.#answers
    this.#answers = ''
    if (answers !== '' && !process.stdout.write(answers)) await once(process.stdout, 'drain')
  }
}

function parse(args: readonly string[]): Options {
  const { values, positionals } = parseOptions(args, {
    policy: { type: 'string' },
    interface: { type: 'string', short: 'i', multiple: true, default: ['eth0'] },
    address: { type: 'string', short: 'a', multiple: true, default: [] },
    forward: { type: 'boolean', short: 'f', default: false },
    local: { type: 'boolean', short: 'l', default: false },
    evaluator: { type: 'string', default: 'tree' },
    time: { type: 'string', default: 'real' },
    explain: { type: 'boolean', default: false },
  })
  const { policy, evaluator, time, explain } = values
  if (positionals.length > 0)
    throw new Misuse(`judge takes no ${positionals[0]}: its rules are --policy RULES`)
  if (policy === undefined) throw new Misuse('judge needs rules: --policy RULES')
  if (!isEvaluator(evaluator)) throw new Misuse(`--evaluator is ${EVALUATORS.join(' or ')}`)
  if (time !== 'real' && time !== 'virtual') throw new Misuse('--time is real or virtual')
  const interfaces = ['lo', ...values.interface]
  const repeated = interfaces.find((name, index) => interfaces.indexOf(name) < index || !NAME.test(name))
  if (repeated !== undefined) throw new Misuse(`-i ${repeated}: no name for another interface`)
  const addresses = values.address.map((text) => addressOf(text, interfaces))
  const settings = {
    ...SETTINGS,
    interfaces,
    addresses,
    forwarding: values.forward,
    everythingLocal: values.local,
  }
  return { policy, settings, evaluator, virtual: time === 'virtual', explain }
}

function isEvaluator(name: string): name is EvaluatorName {
  return EVALUATORS.some((each) => each === name)
}

export function addressOf(text: string, interfaces: readonly string[]): HostAddress {
  const [, address = '', length = '', name = ''] = /^([^/]+)\/(\d{1,3})@(.+)$/.exec(text) ?? []
  const parsed = parseAddress(address)
  const index = interfaces.indexOf(name) + 1
  if (parsed === undefined || Number(length) > parsed.bits)
    throw new Misuse(`-a ${text}: expected ADDRESS/LENGTH@INTERFACE, such as 10.0.0.1/24@eth0`)
  if (index === 0) throw new Misuse(`-a ${text}: there is no -i ${name}`)
  return { address, length: Number(length), interface: index }
}
