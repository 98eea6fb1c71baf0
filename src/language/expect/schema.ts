import { z } from 'zod'

/** The shape of what is expected of a policy. What the strings in it mean is the affair of `read`. */
export const WANTED = ['accept', 'drop', 'reject'] as const
export const CLAIMS = [...WANTED, 'never', 'always'] as const

const packets = z
  .string({ error: 'packets are written: tcp from 10.0.0.7 to :11434' })
  .meta({ examples: ['tcp from 10.0.0.7 to :11434', '20 x tcp from 10.0.0.8 to :11434 in 30s'] })
const traffic = z
  .string({ error: 'traffic is written: anything to 10.0.2.0/24 except tcp to 10.0.2.10:5432' })
  .meta({ examples: ['anything to 10.0.2.0/24 except tcp to 10.0.2.10:5432'] })
const amount = z.union([z.literal('all'), z.int().min(0)], { error: 'write all, or how many packets' })
const address = z.string({ error: 'an address of the host is written 10.0.0.50 or 10.0.0.50/16' })

const expectation = z.strictObject(
  {
    accept: packets.optional().meta({ description: 'Packets that are let through' }),
    drop: packets.optional().meta({ description: 'Packets that are dropped without an answer' }),
    reject: packets.optional().meta({ description: 'Packets that are dropped, of which the sender is told' }),
    // biome-ignore lint/suspicious/noThenProperty: a word of the language, and its value is no function
    then: z
      .enum(WANTED, { error: `then is ${WANTED.join(', ')}` })
      .optional()
      .meta({ description: 'What becomes of one more packet after those' }),
    never: traffic.optional().meta({ description: 'Connections none of which is ever let through' }),
    always: traffic.optional().meta({ description: 'Connections all of which are let through' }),
    capture: z
      .string({ error: 'capture is a file: pcap or pcapng' })
      .optional()
      .meta({ description: 'A capture beside this file, replayed' }),
    accepts: amount.optional().meta({ description: 'Packets of the capture that are let through' }),
    drops: amount.optional().meta({ description: 'Packets of the capture that are dropped or rejected' }),
    local: z
      .union([address, z.array(address).min(1)], {
        error: 'local is an address of the host, or a list of them',
      })
      .optional()
      .meta({ description: 'The host’s own addresses in the capture; guessed otherwise' }),
  },
  { error: 'an expectation is a mapping such as accept: tcp from 10.0.0.7 to :11434' },
)

export const EXPECTATION_KEYS: readonly string[] = Object.keys(expectation.shape)

export const expectations = z
  .array(expectation, { error: 'expect is a list of expectations' })
  .meta({ description: 'What the policy is to do: portcullis test sees whether it does' })

export type ExpectationData = z.infer<typeof expectation>
export type Wanted = (typeof WANTED)[number]

export const testSchema = z.strictObject(
  {
    policy: z.string({ error: 'policy is the file of the policy that is tested' }),
    expect: expectations,
  },
  { error: 'a test file is a mapping with policy and expect' },
)
export type TestFile = z.infer<typeof testSchema>
