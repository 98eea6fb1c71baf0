import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-import-'))
  mkdirSync(join(folder, 'applications.d'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs the program in a folder with files. */
function portcullis(files: Readonly<Record<string, string>>, ...args: string[]) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const program = join(process.cwd(), 'dist/src/cli/main.js')
  const { status, stdout, stderr } = spawnSync('node', [program, ...args], { encoding: 'utf8', cwd: folder })
  for (const name of Object.keys(files)) rmSync(join(folder, name))
  return { status, stdout, stderr }
}

describe('files beside the rules', () => {
  const LOOKS = 'iptables -A INPUT -m set --match-set bad src -j DROP\n'
  const SETS = 'create bad hash:ip\nadd bad 192.0.2.7\n'

  test('ipsets are given as well', () => {
    for (const args of [
      ['import', 'fw.sh', 'sets.save'],
      ['check', '--as', 'nft', 'sets.save', 'fw.sh'],
    ]) {
      const { status, stdout } = portcullis({ 'fw.sh': LOOKS, 'sets.save': SETS }, ...args)
      expect(status).toBe(0)
      expect(stdout).toContain('elements = { 192.0.2.7 }')
      expect(stdout).toContain('ip saddr @bad')
    }
  })

  test('or stand where ipset-persistent keeps them', () => {
    const { status, stdout } = portcullis({ 'fw.sh': LOOKS, ipsets: SETS }, 'convert', '--to', 'nft', 'fw.sh')
    expect(status).toBe(0)
    expect(stdout).toContain('elements = { 192.0.2.7 }')
  })

  test('without them, what to do is said', () => {
    const { status, stderr } = portcullis({ 'fw.sh': LOOKS }, 'check', 'fw.sh')
    expect(status).toBe(2)
    expect(stderr).toMatch(/fw\.sh:1:\d+: error: there is no ipset bad here[\s\S]*ipset save > ipsets/)
    expect(portcullis({ 'fw.sh': LOOKS }, 'import', 'fw.sh').status).toBe(1)
  })

  test('application profiles of ufw stand beside its script', () => {
    const profile = '[Ollama]\ntitle=Ollama\ndescription=Ollama\nports=11434/tcp\n'
    const files = { 'fw.sh': 'ufw allow Ollama\n', 'applications.d/ollama': profile }
    const { status, stdout } = portcullis(files, 'convert', '--to', 'iptables', 'fw.sh')
    expect(status).toBe(0)
    expect(stdout).toContain('-A ufw-user-input -p tcp -m tcp --dport 11434 -j ACCEPT\n')
    expect(portcullis({ 'fw.sh': 'ufw allow Ollama\n' }, 'check', 'fw.sh')).toMatchObject({ status: 2 })
  })
})
