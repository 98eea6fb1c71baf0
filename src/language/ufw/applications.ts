/** Application profiles: names for ports, in the files of a folder such as /etc/ufw/applications.d (ufw(8), APPLICATION INTEGRATION). */

/** Ports as iptables takes them: one, or a list of ports and ranges. */
export interface ApplicationPorts {
  readonly protocol: 'tcp' | 'udp' | 'any'
  readonly port: string
}

export interface Application {
  readonly name: string
  readonly ports: readonly ApplicationPorts[]
}

/** What a profile may be called; others are passed over, as ufw does. */
const NAME = /^[A-Za-z][\w .+-]{0,63}$/
const PORTS = /^(\d{1,5}(?::\d{1,5})?(?:,\d{1,5}(?::\d{1,5})?){0,14})(?:\/(tcp|udp))?$/
const MOST_PROFILES = 10_000

/** The profiles in the texts of files, in their order. Profiles that ufw would not take are passed over. */
export function readApplications(texts: Iterable<string>): Application[] {
  const found = new Map<string, Application>()
  for (const text of texts) {
    let name: string | undefined
    for (const line of text.split('\n')) {
      const [, section] = /^\[([^\]\r]{1,80})\]\s*$/.exec(line) ?? []
      if (section !== undefined) name = NAME.test(section) && section !== 'all' ? section : undefined
      const [, value] = /^ports[ \t]*[=:](.{1,1000})/.exec(line) ?? []
      if (name === undefined || value === undefined || found.size >= MOST_PROFILES) continue
      const ports = portsOf(value)
      if (ports !== undefined && !found.has(name)) found.set(name, { name, ports })
    }
  }
  return [...found.values()]
}

/** `80,443/tcp|53`; undefined if it is none. */
function portsOf(text: string): ApplicationPorts[] | undefined {
  const all = text.split('|').map((each) => {
    const [, port, protocol = 'any'] = PORTS.exec(each.trim()) ?? []
    const several = port !== undefined && /[,:]/.test(port)
    if (port === undefined || (several && protocol === 'any')) return undefined
    return isInRange(port) ? { port: inOrder(port), protocol: protocol as 'tcp' } : undefined
  })
  return all.includes(undefined) ? undefined : (all as ApplicationPorts[])
}

function isInRange(port: string): boolean {
  return port.split(',').every((part) => {
    const [low = 0, high = low] = part.split(':').map(Number)
    return low >= 1 && high <= 65_535 && (part.includes(':') ? low < high : true)
  })
}

/** A list of ports, the lowest first: as ufw keeps it, so that the same lists are the same rule. */
export function inOrder(port: string): string {
  return port
    .split(',')
    .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    .join(',')
}

/** The profile of a name, in whatever case if there is only one. */
export function applicationNamed(name: string, known: readonly Application[]): Application | undefined {
  const exact = known.find((each) => each.name === name)
  const [near, more] = known.filter((each) => each.name.toLowerCase() === name.toLowerCase())
  return exact ?? (more === undefined ? near : undefined)
}

export interface PortPair {
  readonly protocol: 'tcp' | 'udp' | 'any'
  readonly source?: string
  readonly destination?: string
}

/** The ports that a rule about one or two profiles is for: of two, those whose protocols go together. */
export function pairsOf(source: Application | undefined, destination: Application | undefined): PortPair[] {
  if (source === undefined)
    return (destination?.ports ?? []).map(({ protocol, port }) => ({ protocol, destination: port }))
  if (destination === undefined || destination.name === source.name)
    return source.ports.map(({ protocol, port }) => ({
      protocol,
      source: port,
      ...(destination && { destination: port }),
    }))
  return destination.ports.flatMap((to) =>
    source.ports.flatMap((from): PortPair[] => {
      if (to.protocol !== from.protocol && to.protocol !== 'any' && from.protocol !== 'any') return []
      const protocol = to.protocol === 'any' ? from.protocol : to.protocol
      return [{ protocol, source: from.port, destination: to.port }]
    }),
  )
}
