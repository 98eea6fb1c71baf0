import { z } from 'zod'
import { FLOOR_MODES } from '../../ruleset/model.js'
import { expectations } from '../expect/schema.js'

/** The shape of a policy file. What the strings in it mean is the affair of `lower`. */
const NAME = /^[A-Za-z][A-Za-z0-9._-]{0,62}$/

const name = z.string({ error: 'a name is a word such as ollama' }).regex(NAME, {
  error: 'a name starts with a letter and goes on with letters, digits, dots, dashes: at most 63',
})

const address = z.string({
  error: 'an address is written 10.0.0.5, 10.0.0.0/16, fd00::/48, or the name of a define',
})
const addresses = z
  .union([address, z.array(address).min(1)], {
    error: 'expected an address, a name of define, or a list of them',
  })
  .meta({ description: 'Addresses, prefixes, ranges (10.0.0.5-10.0.0.9) or names of define' })

const port = z.string({ error: 'a port is written tcp/11434, udp/53 or tcp/8000-8010' })
const ports = z
  .union([port, z.array(port).min(1)], { error: 'expected a port such as tcp/11434, or a list of ports' })
  .meta({ description: 'tcp/11434, udp/53, tcp/8000-8010, tcp, or a list of them; without it, everything' })

const rate = z.string({ error: 'a limit is written: 20 per minute per source' }).meta({
  description: 'N per second, minute, hour, day or N seconds; who goes over it may be banned',
  examples: ['20 per minute per source', '20 per minute per source then ban 10m'],
})
const limit = z
  .union(
    [
      rate,
      z.strictObject({
        rate,
        strict: z.boolean().optional().meta({ description: 'Refused attempts count as well' }),
        sources: z
          .int()
          .min(16)
          .max(16_777_216)
          .optional()
          .meta({ description: 'Sources remembered at most' }),
        ipv4: z
          .int()
          .min(1)
          .max(32)
          .optional()
          .meta({ description: 'Bits of an IPv4 address that make a source' }),
        ipv6: z
          .int()
          .min(1)
          .max(128)
          .optional()
          .meta({ description: 'Bits of an IPv6 address that make a source' }),
      }),
    ],
    {
      error:
        'a limit is written: 20 per minute per source; or {rate: …, strict: true, sources: 100000, ipv6: 56}',
    },
  )
  .meta({ description: 'New connections that one source may open' })

const rule = z.strictObject(
  {
    allow: name.optional().meta({ description: 'A name of yours for the rule: logs and counters show it' }),
    deny: name.optional().meta({ description: 'As allow, for what is dropped before later rules allow it' }),
    port: ports.optional(),
    from: addresses.optional(),
    to: addresses.optional(),
    interface: z
      .string({ error: 'an interface is a name such as eth0 or eth*' })
      .regex(/^[^\s/*]{1,15}\*?$/, { error: 'an interface is a name such as eth0, or its start: eth*' })
      .optional()
      .meta({ description: 'The interface that the packet comes in by (inbound) or leaves by (outbound)' }),
    limit: limit.optional(),
  },
  { error: 'a rule is a mapping that starts with allow: and a name' },
)

const span = z
  .union([z.string(), z.int()], { error: 'a time is written 600, 10m, 1h 30m, 1d; -1 is for good' })
  .meta({ description: 'Seconds, or a time such as 10m, 1h 30m, 1d; -1: for good' })

const texts = (what: string) =>
  z.union([z.string(), z.array(z.string()).min(1)], { error: `expected ${what}, or a list of them` })

export const jailShape = {
  jail: name.meta({ description: 'Its name' }),
  log: texts('the path of a log').meta({ description: 'Logs that it reads: paths, or patterns of them' }),
  failregex: texts('a regular expression of fail2ban').meta({
    description: 'What a failure looks like: <HOST> stands where the address does',
  }),
  ignoreregex: texts('a regular expression').optional().meta({ description: 'What is no failure after all' }),
  maxretry: z.int().min(1).max(1_000_000).optional().meta({ description: 'Failures that ban; 5 otherwise' }),
  findtime: span.optional(),
  bantime: span.optional(),
  ports: ports.optional(),
  ignoreip: addresses.optional(),
  ipv6: z
    .union([z.literal(64), z.literal(128)])
    .optional()
    .meta({ description: 'Bits of an IPv6 address that count as one source and are banned; 64 otherwise' }),
  dryrun: z.boolean().optional().meta({ description: 'Logs, and bans nobody' }),
}
const jail = z.strictObject(jailShape, { error: 'a jail is a mapping with jail:, log: and failregex:' })
const folder = z.string({ error: 'jails are a folder such as /etc/fail2ban, or written here' })

export const bansShape = {
  jails: z
    .union(
      [
        folder,
        z
          .array(
            z.union([folder, jail], {
              error: 'expected a folder, or a jail with jail:, log: and failregex:',
            }),
          )
          .min(1),
      ],
      {
        error: 'jails are a folder such as /etc/fail2ban, or a list of folders and jails',
      },
    )
    .optional()
    .meta({ description: 'Folders of fail2ban, as they stand, and jails that are written here' }),
  ignoreip: addresses.optional().meta({ description: 'Who is never banned, whoever asks for it' }),
  store: z.string({ error: 'bans are shared through redis://host' }).optional().meta({
    description: 'redis://[[user]:password@]host[:port][/database]: bans are shared with other hosts',
  }),
  reset: z
    .boolean()
    .optional()
    .meta({ description: 'Banned TCP is answered with a reset, not with silence' }),
}

const direction = (text: string) =>
  z
    .union([z.literal('any'), z.array(rule)], { error: `${text} is a list of rules, or the word any` })
    .meta({ description: `${text}: what is allowed; what no rule allows is dropped. any: everything is` })

export const ALSO = ['dhcp', 'dns', 'ping'] as const

export const policySchema = z
  .strictObject(
    {
      define: z
        .record(name, addresses, { error: 'define gives names to lists of addresses' })
        .optional()
        .meta({ description: 'Names for addresses' }),
      also: z
        .array(z.enum(ALSO, { error: `also knows ${ALSO.join(', ')}` }), {
          error: `also is a list of ${ALSO.join(', ')}`,
        })
        .optional()
        .meta({
          description: 'What is needed on some networks: leases by DHCP, look-ups by DNS, answers to ping',
        }),
      bans: z
        .strictObject(bansShape, { error: 'bans is a mapping with jails' })
        .optional()
        .meta({ description: 'Who is banned: jails that read logs, and whom they never ban' }),
      floor: z
        .enum(FLOOR_MODES, { error: `floor is one of ${FLOOR_MODES.join(', ')}` })
        .optional()
        .meta({
          description:
            'What the kernel decides by itself while the engine is away: the same rules as far as it can, management only, or nothing',
        }),
      inbound: direction('inbound'),
      outbound: direction('outbound'),
      expect: expectations.optional(),
    },
    { error: 'a policy is a mapping with define, inbound and outbound' },
  )
  .meta({ title: 'Portcullis policy' })

export type Policy = z.infer<typeof policySchema>
export type PolicyRule = Exclude<Policy['inbound'], 'any'>[number]
export type PolicyBans = NonNullable<Policy['bans']>
export type PolicyJail = z.infer<typeof jail>
export type Limit = NonNullable<PolicyRule['limit']>
export type Also = (typeof ALSO)[number]

/** The JSON schema of policy files, for editors. */
export function policyJsonSchema(): object {
  return z.toJSONSchema(policySchema, { io: 'input' })
}
