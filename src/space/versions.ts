/** Both IP versions compared: where one lets in from anywhere what the other restricts. */

import { nameValue } from '../engine/state/names.js'
import type { Position, Ruleset } from '../ruleset/model.js'
import { pick, spansOf } from './boxes.js'
import { deciderAt } from './deciders.js'
import { Decisions } from './decisions.js'
import { ALL, EMPTY, type Node, SpaceError } from './diagram.js'
import { type FieldName, STATES, type Version } from './fields.js'
import { basesAt } from './rulesets.js'
import { Space } from './space.js'
import { within } from './vectors.js'

/** Something that is most likely not meant, as the room advice tells it. */
export interface VersionAdvice {
  readonly id: string
  readonly message: string
  readonly hint: string
  readonly positions: readonly Position[]
}

const MOST_NODES = 2_000_000
const NAMES = { ip: 'IPv4', ip6: 'IPv6' } as const
const PROTOCOLS = { tcp: 6n, udp: 17n } as const
/** How many spans of ports are named. */
const SHOWN = 5

/** What new connections from outside may reach over one version from anywhere, and over the other from some places only. */
export function comparedVersions(ruleset: Ruleset): VersionAdvice[] {
  if ((['ip', 'ip6'] as const).some((family) => basesAt(ruleset, 'input', family).length === 0)) return []
  try {
    const comparison = new Comparison(ruleset)
    return [comparison.openIn('ip6', 'ip'), comparison.openIn('ip', 'ip6')].flat()
  } catch (error) {
    if (error instanceof SpaceError) return []
    throw error
  }
}

class Comparison {
  readonly #ruleset: Ruleset
  readonly #space = new Space(MOST_NODES)
  readonly #accepted: Record<Version, Node>

  constructor(ruleset: Ruleset) {
    this.#ruleset = ruleset
    const decisions = new Decisions(this.#space, ruleset)
    this.#accepted = { ip: this.#acceptedOf(decisions, 'ip'), ip6: this.#acceptedOf(decisions, 'ip6') }
  }

  /** New packets from outside that are let in. */
  #acceptedOf(decisions: Decisions, family: Version): Node {
    const { diagram, fields, outcomes } = this.#space
    const node = decisions.at('input', family)
    const accepted = diagram.mapLeaves(node, (value) =>
      outcomes.at(value).verdict === 'accept' ? ALL : EMPTY,
    )
    const loopback = nameValue('lo')
    const parts = [
      fields.feasible('input', family),
      fields.state(STATES.indexOf('new')),
      diagram.not(within(diagram, fields.vector('iifname'), [[loopback, loopback]])),
    ]
    return parts.reduce((set, part) => diagram.and(set, part), accepted)
  }

  openIn(open: Version, restricted: Version): VersionAdvice[] {
    const { diagram } = this.#space
    const ports = diagram.minus(
      diagram.and(this.#fromAnywhere(open), this.#kept(this.#accepted[restricted], ['dport', 'l4proto'])),
      this.#fromAnywhere(restricted),
    )
    const named = (Object.keys(PROTOCOLS) as (keyof typeof PROTOCOLS)[]).flatMap((protocol) => {
      const text = this.#portsText(diagram.and(ports, this.#isProtocol(protocol)))
      return text === '' ? [] : [`${protocol} to port ${text}`]
    })
    if (named.length === 0) return []
    const [first, second] = [NAMES[open], NAMES[restricted]]
    return [
      {
        id: 'versions-differ',
        message: `${first} lets in from anywhere what ${second} restricts: ${named.join('; ')}`,
        hint: `name the sources of ${first} too, or take the rule to ${second} alone`,
        positions: [open, restricted].flatMap((family) => this.#deciderOf(family, ports)),
      },
    ]
  }

  /** The protocols and ports that can be reached whatever the source is. */
  #fromAnywhere(family: Version): Node {
    const { diagram, fields } = this.#space
    const source = family === 'ip' ? 'saddr4' : 'saddr6'
    const some = this.#kept(this.#accepted[family], ['dport', 'l4proto', source])
    const served = diagram.and(
      diagram.or(this.#isProtocol('tcp'), this.#isProtocol('udp')),
      fields.vector('dport').present,
    )
    return diagram.minus(served, this.#kept(diagram.minus(served, some), ['dport', 'l4proto']))
  }

  #isProtocol(protocol: keyof typeof PROTOCOLS): Node {
    const { diagram, fields } = this.#space
    const vector = fields.vector('l4proto')
    const number = PROTOCOLS[protocol]
    return diagram.and(vector.present, within(diagram, vector, [[number, number]]))
  }

  #kept(set: Node, names: readonly FieldName[]): Node {
    const { diagram, fields } = this.#space
    const kept = new Set(
      names.flatMap((name) => {
        const { presence, bits } = fields.field(name)
        return [...presence, ...bits]
      }),
    )
    return diagram.project(set, (variable) => kept.has(variable))
  }

  #portsText(set: Node): string {
    const { diagram, fields } = this.#space
    const { bits } = fields.field('dport')
    const spans = spansOf(
      diagram.project(set, (variable) => bits.includes(variable)),
      bits,
      diagram,
      SHOWN,
    )
    const texts = spans.map(([low, high]) => (low === high ? `${low}` : `${low}-${high}`))
    return [...texts.slice(0, SHOWN), ...(texts.length > SHOWN ? ['more'] : [])].join(', ')
  }

  /** The rule that lets such packets of a version in. */
  #deciderOf(family: Version, ports: Node): Position[] {
    const { diagram, fields } = this.#space
    const point = pick(diagram.and(this.#accepted[family], ports), fields)
    const { position } = deciderAt(this.#space, this.#ruleset, 'input', family, point)
    return position === undefined ? [] : [position]
  }
}
