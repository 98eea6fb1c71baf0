import type { UfwRule } from './rule.js'

const TARGETS = { allow: 'ACCEPT', deny: 'DROP', reject: 'REJECT' } as const
const LOGGED = { allow: 'ALLOW', deny: 'BLOCK', reject: 'BLOCK', limit: 'LIMIT' } as const
const isNew = '-m conntrack --ctstate NEW'

/** The commands of iptables that ufw makes of a rule, word by word. `prefix`: of its chains. */
export function commandsOf(rule: UfwRule, prefix: string): string[][] {
  return portsOf(rule).flatMap((one) => commandsOfPorts(one, prefix))
}

/** A rule for each of the ports of application profiles. */
function portsOf(rule: UfwRule): UfwRule[] {
  const { applications, ...plain } = rule
  if (applications === undefined) return [rule]
  return applications.pairs.map(({ protocol, source, destination }) => ({
    ...plain,
    protocol,
    source: { ...rule.source, ...(source && { port: source }) },
    destination: { ...rule.destination, ...(destination && { port: destination }) },
  }))
}

function commandsOfPorts(rule: UfwRule, prefix: string): string[][] {
  const { source, destination, direction, route } = rule
  const way = route ? 'forward' : direction === 'in' ? 'input' : 'output'
  const ports = source.port !== undefined || destination.port !== undefined
  const protocols = rule.protocol !== 'any' ? [rule.protocol] : ports ? ['tcp', 'udp'] : [undefined]
  return protocols.flatMap((protocol) => {
    const match = matchOf(rule, protocol)
    const user = `-A ${prefix}-user-${way}${match}`
    const logging = `-A ${prefix}-user-logging-${way}${match}`
    const when = rule.log === 'log-all' ? '' : ` ${isNew}`
    const logged =
      rule.log === undefined
        ? []
        : [
            `${logging}${when} -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix PREFIX`,
            `${logging} -j RETURN`,
            `${user} -j ${prefix}-user-logging-${way}`,
          ]
    const text = `[UFW ${LOGGED[rule.action]}] `
    return [...logged, ...decisions(rule, user, prefix, protocol)].map((command) =>
      command.split(' ').map((word) => (word === 'PREFIX' ? text : word)),
    )
  })
}

function decisions(
  { action }: UfwRule,
  user: string,
  prefix: string,
  protocol: string | undefined,
): string[] {
  if (action === 'limit')
    return [
      `${user} ${isNew} -m recent --set`,
      `${user} ${isNew} -m recent --update --seconds 30 --hitcount 6 -j ${prefix}-user-limit`,
      `${user} -j ${prefix}-user-limit-accept`,
    ]
  const reset = action === 'reject' && protocol === 'tcp' ? ' --reject-with tcp-reset' : ''
  return [`${user} -j ${TARGETS[action]}${reset}`]
}

function matchOf(
  { source, destination, interfaceIn, interfaceOut }: UfwRule,
  protocol: string | undefined,
): string {
  const part = (option: string, value: string | undefined) =>
    value === undefined ? '' : ` ${option} ${value}`
  const several = [source.port, destination.port].some((port) => port !== undefined && /[,:]/.test(port))
  const port = (name: string, value: string | undefined) =>
    value === undefined ? '' : several ? ` -m multiport --${name}s ${value}` : ` --${name} ${value}`
  return [
    part('-i', interfaceIn),
    part('-o', interfaceOut),
    part('-p', protocol),
    part('-d', destination.address),
    port('dport', destination.port),
    part('-s', source.address),
    port('sport', source.port),
  ].join('')
}
