import { z } from 'zod'

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
  description: 'N per second, minute, hour, day or N seconds',
  examples: ['20 per minute per source'],
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
      inbound: direction('inbound'),
      outbound: direction('outbound'),
    },
    { error: 'a policy is a mapping with define, inbound and outbound' },
  )
  .meta({ title: 'Portcullis policy' })

export type Policy = z.infer<typeof policySchema>
export type PolicyRule = Exclude<Policy['inbound'], 'any'>[number]
export type Limit = NonNullable<PolicyRule['limit']>
export type Also = (typeof ALSO)[number]

/** The JSON schema of policy files, for editors. */
export function policyJsonSchema(): object {
  return z.toJSONSchema(policySchema, { io: 'input' })
}
