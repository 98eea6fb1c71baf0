import { policyJsonSchema } from '../language/policy/schema.js'

export const usage = `portcullis schema

Prints the JSON schema of policy files, for editors that check and complete YAML.`

export function schema(): void {
  process.stdout.write(`${JSON.stringify(policyJsonSchema(), null, 2)}\n`)
}
