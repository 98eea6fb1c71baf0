import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BadInput } from '../../src/cli/errors.js'
import { loadPolicy } from '../../src/cli/policy.js'
import { printStatements } from '../../src/language/nft/print/statement.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const rulesOf = (file: string) =>
  loadPolicy([file]).ruleset.tables.flatMap(({ chains }) =>
    chains.flatMap(({ rules }) => rules.map((rule) => printStatements(rule))),
  )

describe('ruleset files', () => {
  test('are read in the language that they are written in', () => {
    const nft = 'flush ruleset\ntable ip t { chain c { accept; }\n}'
    const json = '{"nftables": [{"table": {"family": "ip", "name": "t"}}]}'
    expect(loadPolicy([write('rules.nft', nft)]).language).toBe('nft')
    expect(loadPolicy([write('firewall', `#!/usr/sbin/nft -f\n${nft}`)]).language).toBe('nft')
    expect(loadPolicy([write('ruleset', nft)]).language).toBe('nft')
    expect(loadPolicy([write('rules.json', json)]).language).toBe('json')
    expect(loadPolicy([write('listing', json)]).language).toBe('json')
    expect(loadPolicy([write('policy', 'inbound: any\noutbound: any\n')]).language).toBe('policy')
    expect(loadPolicy(['examples/ai-server.yaml']).language).toBe('policy')
  })

  test('include files beside them, by name and by pattern, in the order of names', () => {
    mkdirSync(join(folder, 'rules.d'))
    write('rules.d/b.nft', 'tcp dport 2')
    write('rules.d/a.nft', 'tcp dport 1')
    write('rules.d/c.txt', 'tcp dport 3')
    write('rules.d/.d.nft', 'tcp dport 4')
    const file = write(
      'main.nft',
      'table ip t { chain c {\ninclude "rules.d/*.nft"\ninclude "rules.d/c.txt"\n}\n}',
    )
    expect(rulesOf(file)).toEqual(['tcp dport 1', 'tcp dport 2', 'tcp dport 3'])
  })

  test('an error in an included file is shown there', () => {
    const included = write('part.nft', 'accept\ntcp dprt 5')
    const file = write('main.nft', 'table ip t { chain c {\ninclude "./part.nft"\n}\n}')
    expect(() => loadPolicy([file])).toThrow(BadInput)
    expect(() => loadPolicy([file])).toThrow(`${included}:2:5: error: tcp has no field dprt`)
  })

  test('jumps in a loop and too deep are errors with their places', () => {
    const loop = write('loop.nft', 'table ip t {\nchain a { jump b; }\nchain b { jump a; }\n}')
    expect(() => loadPolicy([loop])).toThrow(
      'loop.nft:3:11: error: chains jump in a loop: b and a lead to each other',
    )
    const chains = Array.from({ length: 16 }, (_, i) => `chain c${i} { jump c${i + 1}; }`).join('\n')
    const deep = write(
      'deep.nft',
      `table ip t {\n${chains}\nchain c16 { }\nchain m { type filter hook input priority 0; jump c0; }\n}`,
    )
    expect(() => loadPolicy([deep])).toThrow('chain m jumps 17 deep: 15 is the most')
  })
})
