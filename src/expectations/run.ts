/** Whether a policy does what is expected of it. Each expectation meets it as it was just loaded. */
import { dirname, join } from 'node:path'
import { compile } from '../engine/compile/compile.js'
import type { Program } from '../engine/program.js'
import { sampleOf } from '../explain/captured.js'
import { interfacesOf, packetOf, wayOf } from '../explain/explain.js'
import { TrialHost, type Verdict } from '../explain/host.js'
import type { CaptureClaim, Expectation, PacketsClaim, RegionClaim } from '../language/expect/read.js'
import type { Wanted } from '../language/expect/schema.js'
import { printStatement } from '../language/nft/print/statement.js'
import { formatSample, type Sample, SOURCE_PORT } from '../language/traffic/samples.js'
import { Packet } from '../packet/packet.js'
import { type Decider, decidersOf } from '../replay/deciders.js'
import { ReplayEvaluator } from '../replay/evaluator.js'
import { replay } from '../replay/replay.js'
import type { Position } from '../ruleset/model.js'
import { SpaceError } from '../space/diagram.js'
import type { Example } from '../space/example.js'
import { PolicySpace } from '../space/prove.js'
import type { Suite } from './suite.js'

export interface Result {
  readonly expectation: Expectation
  readonly ok: boolean
  /** Who decided about the packets, or about the one that was not judged as expected: `NAME (FILE:LINE)` each. */
  readonly deciders: readonly string[]
  /** Not ok: what is otherwise, in lines. */
  readonly message?: string
  /** Not ok: a packet that shows it, as `portcullis explain` reads it. */
  readonly packet?: string
}

export interface Report {
  readonly suite: Suite
  readonly results: readonly Result[]
}

/** Runs all the expectations of a suite. Rejects as `Runner.run`. */
export async function runSuite(suite: Suite): Promise<Report> {
  const runner = new Runner(suite)
  const results: Result[] = []
  for (const expectation of suite.expectations) results.push(await runner.run(expectation))
  return { suite, results }
}

type Outcome = Omit<Result, 'expectation'>

/** Deciders that a result names. */
const MOST_DECIDERS = 4
const PORTS = 65_536

/** Runs the expectations of a suite one by one. Rejects with what `replay` rejects with, of captures. */
export class Runner {
  readonly #suite: Suite
  readonly #deciders: readonly Decider[]
  #program: Program | undefined
  #space: PolicySpace | undefined

  constructor(suite: Suite) {
    this.#suite = suite
    this.#deciders = decidersOf(suite.ruleset)
  }

  async run(expectation: Expectation): Promise<Result> {
    const { claim } = expectation
    const outcome =
      claim.kind === 'packets'
        ? this.#packets(claim)
        : claim.kind === 'region'
          ? this.#region(claim)
          : await this.#capture(claim)
    return { expectation, ...outcome }
  }

  #packets(claim: PacketsClaim): Outcome {
    const deciders = new Set<string>()
    for (const sample of claim.samples) {
      const failed = this.#sample(claim, sample, deciders)
      if (failed !== undefined) return failed
    }
    return { ok: true, deciders: [...deciders].slice(0, MOST_DECIDERS) }
  }

  /** The first of a sample's packets that is not judged as expected. */
  #sample(claim: PacketsClaim, sample: Sample, deciders: Set<string>): Outcome | undefined {
    const { wanted, count, span, afterwards } = claim
    const host = this.#host(sample, count)
    const all = count + (afterwards === undefined ? 0 : 1)
    for (let i = 0; i < all; i++) {
      const expected = i < count ? wanted : afterwards!
      // Connections are of ports of their own.
      const { sport = 0 } = sample
      const packet = packetOf(sport === SOURCE_PORT ? { ...sample, sport: (sport + i) % PORTS || 1 } : sample)
      packet.time[0] = i < count ? Math.floor((i * span) / count) : span
      host.evaluator.begin()
      const verdict = host.judge(packet, wayOf(sample))
      const by = deciderName(this.#deciders[host.evaluator.decider]!)
      if (isWanted(verdict, expected)) {
        deciders.add(by)
        continue
      }
      const which = all === 1 ? '' : `packet ${i + 1} of ${all}, `
      const text = formatSample(sample)
      return {
        ok: false,
        deciders: [by],
        message: `${which}${text}: ${verdict}, by ${by}`,
        ...(i === 0 && { packet: text }),
      }
    }
    return undefined
  }

  #host(sample: Sample, count: number): TrialHost<ReplayEvaluator> {
    this.#program ??= compile(this.#suite.ruleset)
    const program = this.#program
    return new TrialHost(
      this.#suite.ruleset,
      (environment, names) => {
        const evaluator = new ReplayEvaluator(program, environment)
        for (const [index, name] of names.entries()) evaluator.engine.learnInterface(index + 1, name)
        return evaluator
      },
      { interfaces: interfacesOf(sample), connections: count + 1024 },
    )
  }

  #region({ wanted, region }: RegionClaim): Outcome {
    const { hook, include, except } = region
    try {
      this.#space ??= new PolicySpace(this.#suite.ruleset, {
        textOf: (statement) => printStatement(statement),
      })
      const asked = {
        hook,
        region: { include, except },
        wanted: wanted === 'never' ? 'drop' : 'accept',
      } as const
      const violation = this.#space.prove(asked)
      if (violation === null) return { ok: true, deciders: [] }
      const { verdict, example, by, packets } = violation
      const name = by.rule === undefined ? `the policy of chain ${by.chain?.name}` : ruleName(by.rule)
      const assumed = example.assumes.map(
        ({ statement, holds }) => `  if ${printStatement(statement)} says ${holds ? 'yes' : 'no'}`,
      )
      const others = packets.map((line) => `  ${line}`)
      return {
        ok: false,
        deciders: [name],
        message: [`${example.text}: ${verdict}, by ${name}`, ...assumed, 'so are:', ...others].join('\n'),
        ...(assumed.length === 0 && { packet: this.#inWords(example) }),
      }
    } catch (error) {
      if (!(error instanceof SpaceError)) throw error
      return { ok: false, deciders: [], message: `it cannot be proved: ${error.message}` }
    }
  }

  /** A packet of a proof, as a description has it. */
  #inWords({ hook, bytes, iifname, oifname, ctState }: Example): string {
    const packet = new Packet()
    packet.attach(bytes)
    packet.parse(0, bytes.length)
    packet.ctState = ctState
    const direction = hook === 'output' ? 'out' : hook === 'forward' ? 'forward' : 'in'
    const way = {
      direction,
      addresses: [],
      ...(direction !== 'out' && { iif: iifname }),
      ...(direction !== 'in' && { oif: oifname }),
    } as const
    return formatSample(sampleOf(packet, way, this.#suite.ruleset))
  }

  async #capture({ capture, accepts, drops, local }: CaptureClaim): Promise<Outcome> {
    const counts = { accept: 0, drop: 0 }
    const deciders = new Set<string>()
    /** The first packet of each verdict. */
    const first: { accept?: string; drop?: string } = {}
    await replay([join(dirname(this.#suite.file), capture)], this.#suite.ruleset, {
      ...(local !== undefined && { local }),
      onPacket: (judged) => {
        const { outcome } = judged
        if (outcome !== 'accept' && outcome !== 'drop' && outcome !== 'reject') return
        const kind = outcome === 'accept' ? 'accept' : 'drop'
        const by = deciderName(judged.decider!)
        counts[kind]++
        deciders.add(by)
        first[kind] ??= `packet ${judged.number}: ${outcome}, by ${by}`
      },
    })
    const all = counts.accept + counts.drop
    const isMet = (wanted: 'all' | number | undefined, count: number) =>
      wanted === undefined || (wanted === 'all' ? all > 0 && count === all : count === wanted)
    const ok = isMet(accepts, counts.accept) && isMet(drops, counts.drop)
    const named = [...deciders].slice(0, MOST_DECIDERS)
    if (ok) return { ok, deciders: named }
    const wrong = drops === 'all' ? first.accept : accepts === 'all' ? first.drop : undefined
    const message = `of ${all} packets ${counts.accept} are accepted, ${counts.drop} are not`
    return { ok, deciders: named, message: wrong === undefined ? message : `${message}\n${wrong}` }
  }
}

function isWanted(verdict: Verdict, wanted: Wanted): boolean {
  return verdict === wanted || (wanted === 'reject' && verdict.startsWith('reject:'))
}

/** A decider as `NAME (FILE:LINE)`. */
function deciderName({ kind, place, name, text }: Decider): string {
  if (kind !== 'rule') return text
  return place === undefined ? (name ?? text) : `${name ?? text} (${place})`
}

function ruleName({ comment, position }: { comment?: string; position?: Position }): string {
  const place = position === undefined ? '' : `${position.file}:${position.line}`
  return comment === undefined ? place : place === '' ? comment : `${comment} (${place})`
}
