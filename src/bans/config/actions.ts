import type { Problem } from '../problem.js'
import type { Section } from './ini.js'
import type { Traced } from './traced.js'
import { OptionsError, type PortRange, parseNamed, parsePorts, splitNamed } from './values.js'

/** What a ban closes: ports of protocols, or everything. */
export interface Closed {
  /** None: every port. */
  readonly ports: readonly PortRange[]
  /** None: every protocol. */
  readonly protocols: readonly string[]
}

const EVERYTHING: Closed = { ports: [], protocols: [] }

/** Actions that close all ports, those that close the ports of the jail, and those that do as their `type` says. */
const ALL_PORTS = /^(?:iptables|nftables)-allports$/
const SOME_PORTS = /^(?:iptables|nftables)-multiport$/
const BY_TYPE = /^(?:iptables|nftables)$/

/**
 * What a jail's actions close. Actions of iptables and nftables are understood as what they do; any other is
 * reported and left aside. With none of them everything is closed.
 */
export function readActions(
  actions: Traced | undefined,
  port: Traced | undefined,
  problems: Problem[],
): Closed {
  const closed: Closed[] = []
  for (const action of actions === undefined ? [] : splitNamed(actions)) {
    try {
      const { name, options } = parseNamed(action)
      const found = readAction(name, options, port, problems)
      if (found !== undefined) closed.push(found)
    } catch (error) {
      if (!(error instanceof OptionsError)) throw error
      problems.push({ position: action.at(error.offset), message: error.message })
    }
  }
  if (closed.length === 0 || closed.some(({ ports }) => ports.length === 0)) return EVERYTHING
  return {
    ports: closed.flatMap(({ ports }) => ports),
    protocols: [...new Set(closed.flatMap(({ protocols }) => protocols))],
  }
}

function readAction(
  name: Traced,
  options: Section,
  jailPort: Traced | undefined,
  problems: Problem[],
): Closed | undefined {
  const type = options.get('type')?.text ?? 'oneport'
  if (ALL_PORTS.test(name.text) || (BY_TYPE.test(name.text) && type === 'allports')) return EVERYTHING
  if (!SOME_PORTS.test(name.text) && !BY_TYPE.test(name.text)) {
    problems.push({
      position: name.at(0),
      length: name.text.length,
      severity: 'warning',
      message: `the action ${name.text} is left aside`,
      hint: 'bans are carried out by Portcullis itself; it understands the actions of iptables and nftables',
    })
    return undefined
  }
  const port = options.get('port') ?? jailPort
  const ports = port === undefined ? [] : parsePorts(port.text)
  if (typeof ports === 'string') {
    problems.push({
      position: port!.at(Math.max(0, port!.text.indexOf(ports))),
      length: Math.max(1, ports.length),
      message: `there is no port ${ports}`,
      hint: 'the jail closes all ports instead',
    })
    return EVERYTHING
  }
  if (ports.some(([first, last]) => first === 0 && last === 65535)) return EVERYTHING
  const protocols = (options.get('protocol')?.text ?? 'tcp').split(/[\s,]+/).filter((text) => text !== '')
  return { ports, protocols: protocols.includes('all') ? [] : protocols }
}
