/** Who else has rules on this machine: their verdicts count beside ours. */
import { type Feature, fine, type Machine, worse } from './feature.js'

/** Chains and tables by which programs are known. */
const SIGNS: readonly (readonly [program: string, sign: RegExp])[] = [
  ['ufw', /^ufw6?-/],
  ['Docker', /^DOCKER/],
  ['fail2ban', /^f2b-/],
  ['firewalld', /^firewalld$|^(IN|FWDI|FWDO)_public|^INPUT_direct$/],
  ['Kubernetes', /^KUBE-/],
  ['libvirt', /^LIBVIRT_|^libvirt_/],
  ['Podman', /^NETAVARK|^netavark$|^CNI-/],
  ['Tailscale', /^ts-(input|forward|postrouting)$/],
  ['Portcullis', /^PORTCULLIS-|^portcullis(-|$)/],
]

/** A listing of rules: how to get it, and the names of tables and chains in it. */
const LISTS = [
  { list: ['iptables-legacy-save'], needs: '/proc/net/ip_tables_names' },
  { list: ['ip6tables-legacy-save'], needs: '/proc/net/ip6_tables_names' },
  { list: ['nft', '--stateless', '--terse', 'list', 'ruleset'] },
] as const

/** The programs that have rules here, and the number of rules or lines that nobody is known for. */
export function programsIn(listing: string): { programs: string[]; rules: number } {
  const names = [...listing.matchAll(/^:(\S+)|^\s*(?:chain|table \w+) (\S+) \{/gm)].map(
    ([, saved, listed]) => saved ?? listed ?? '',
  )
  const programs = SIGNS.filter(([, sign]) => names.some((name) => sign.test(name))).map(
    ([program]) => program,
  )
  const rules = [...listing.matchAll(/^-A |^\t\t(?!type |policy |\})\S/gm)].length
  return { programs, rules }
}

function listings(machine: Machine): string[] {
  return LISTS.flatMap((one) => {
    // Asking legacy iptables for its rules loads its modules where they are not in use.
    if ('needs' in one && !machine.read(one.needs)) return []
    const [command, ...args] = one.list
    const ended = machine.run(command, ...args)
    return ended.code === 0 ? [ended.output] : []
  })
}

const firewalls: Feature = {
  name: 'other-firewalls',
  title: 'rules of other programs',
  probe: (machine) => {
    const found = listings(machine).map(programsIn)
    const programs = [...new Set(found.flatMap(({ programs }) => programs))].filter(
      (name) => name !== 'Portcullis',
    )
    const rules = found.reduce((sum, { rules }) => sum + rules, 0)
    if (programs.length > 0) return worse(`${programs.join(', ')} (${rules} rules in all)`)
    return rules > 0 ? worse(`${rules} rules, of nobody known`) : fine('none')
  },
  otherwise:
    'a packet must be accepted by theirs and by ours; what theirs drop, ours never see or cannot save',
  remedy: 'portcullis import reads what they say; then switch them off, or leave them what ours do not cover',
}

const queues: Feature = {
  name: 'queues-in-use',
  title: 'queues that are bound already',
  probe: ({ read }) => {
    const lines = (read('/proc/net/netfilter/nfnetlink_queue') ?? '').split('\n').filter(Boolean)
    if (lines.length === 0) return fine('none')
    const bound = lines
      .map((line) => line.trim().split(/\s+/))
      .map(([queue, port]) => `${queue} (port ${port})`)
    return worse(bound.join(', '))
  },
  otherwise: "a queue has one reader: these are Portcullis itself, or another program's, such as Suricata",
  remedy: 'portcullis run --queue N with another number',
}

export const OTHERS: readonly Feature[] = [firewalls, queues]
