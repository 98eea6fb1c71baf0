import { EXPECTATION_KEYS } from '../expect/schema.js'
import { type Path, YamlSource } from '../yaml.js'
import { bansShape, jailShape, type Policy, policySchema } from './schema.js'

/** A policy file that was read: its data, and where each of them stands. */
export class PolicySource extends YamlSource<Policy> {
  /** Reads the text of a policy file. Throws LanguageError with everything that is wrong with its shape. */
  constructor(text: string, file: string) {
    super(text, file, {
      schema: policySchema,
      keys: knownKeys,
      remedy: (section) => `list what is allowed under ${section}:, or write ${section}: any`,
    })
  }

  get policy(): Policy {
    return this.data
  }
}

function knownKeys(path: Path): readonly string[] {
  if (path.length === 0) return Object.keys(policySchema.shape)
  if (path[0] === 'bans') return Object.keys(path.length === 1 ? bansShape : jailShape)
  if (path[0] === 'expect') return EXPECTATION_KEYS
  if (path.at(-1) === 'limit') return ['rate', 'strict', 'sources', 'ipv4', 'ipv6']
  return ['allow', 'deny', 'port', 'from', 'to', 'interface', 'limit']
}
