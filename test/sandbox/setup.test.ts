import { execFile } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

// Both note what they were asked for; npm keeps its record as the real one does.
const NPM = '#!/bin/sh\necho "npm $*" >> log\ncp package-lock.json node_modules/.package-lock.json\n'
const TSC = `
  require('node:fs').appendFileSync('log', 'tsc\\n')
  if (require('node:fs').readFileSync('src/main.ts', 'utf8') === 'wrong') { console.log('main.ts is wrong'); process.exit(2) }
  setTimeout(() => {}, 200)`

describe('setup', () => {
  let clone: string

  beforeEach(() => {
    clone = mkdtempSync(join(tmpdir(), 'clone-'))
    const put = (path: string, text: string) => {
      mkdirSync(join(clone, path, '..'), { recursive: true })
      writeFileSync(join(clone, path), text)
    }
    for (const script of ['setup.js', 'child.js', 'grammar.js'])
      cpSync(join('scripts', script), join(clone, 'scripts', script))
    put('src/language/nft/grammar/nft.peggy', '')
    put('src/language/nft/grammar/parser.ts', '')
    put('package.json', '{ "type": "module" }')
    put('package-lock.json', JSON.stringify({ packages: { '': {}, 'node_modules/a': { version: '1.0.0' } } }))
    put('src/main.ts', '')
    put('node_modules/typescript/package.json', '{ "type": "commonjs" }')
    put('node_modules/typescript/bin/tsc', TSC)
    put('bin/npm', NPM)
    chmodSync(join(clone, 'bin/npm'), 0o755)
  })

  afterEach(() => rmSync(clone, { recursive: true }))

  const run = () => {
    const script = `import { setup } from '${join(clone, 'scripts/setup.js')}'; await setup()`
    const env = { ...process.env, PATH: `${join(clone, 'bin')}:${process.env.PATH}` }
    return promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: clone, env })
  }
  const log = () => readFileSync(join(clone, 'log'), 'utf8').trim().split('\n')
  const touch = (path: string) => {
    const soon = new Date(Date.now() + 1_000)
    utimesSync(join(clone, path), soon, soon)
  }

  test('installs and compiles a clean clone, and has nothing to do the second time', async () => {
    await run()
    const expected = ['npm ci --include=dev --include=optional', 'tsc']
    expect(log()).toEqual(expected)
    await run()
    expect(log()).toEqual(expected)
  })

  test('compiles again when a source is newer', async () => {
    await run()
    touch('src/main.ts')
    await run()
    expect(log().slice(2)).toEqual(['tsc'])
  })

  test('compiles again when a source went away', async () => {
    writeFileSync(join(clone, 'src/other.ts'), '')
    await run()
    rmSync(join(clone, 'src/other.ts'))
    touch('src')
    await run()
    expect(log().slice(2)).toEqual(['tsc'])
  })

  test('installs again when the lock file asks for another version', async () => {
    await run()
    const lock = { packages: { '': {}, 'node_modules/a': { version: '1.0.1' } } }
    writeFileSync(join(clone, 'package-lock.json'), JSON.stringify(lock))
    await run()
    expect(log()[2]).toBe('npm ci --include=dev --include=optional')
  })

  test('is content when only optional packages of other platforms are missing', async () => {
    await run()
    const record = JSON.parse(readFileSync(join(clone, 'package-lock.json'), 'utf8'))
    record.packages['node_modules/b'] = { version: '1.0.0', optional: true }
    writeFileSync(join(clone, 'package-lock.json'), JSON.stringify(record))
    await run()
    expect(log().filter((line) => line.startsWith('npm'))).toHaveLength(1)
  })

  test('does the work once when two start together', async () => {
    await Promise.all([run(), run()])
    expect(log()).toEqual(['npm ci --include=dev --include=optional', 'tsc'])
  })

  test('takes over from a set-up that was killed', async () => {
    mkdirSync(join(clone, 'dist/.setup'), { recursive: true })
    const longAgo = new Date(Date.now() - 60_000)
    utimesSync(join(clone, 'dist/.setup'), longAgo, longAgo)
    await run()
    expect(log()).toHaveLength(2)
  })

  test('does the work once when many start together, also over a set-up that was killed', async () => {
    mkdirSync(join(clone, 'dist/.setup'), { recursive: true })
    const longAgo = new Date(Date.now() - 60_000)
    utimesSync(join(clone, 'dist/.setup'), longAgo, longAgo)
    await Promise.all(Array.from({ length: 6 }, run))
    expect(log()).toEqual(['npm ci --include=dev --include=optional', 'tsc'])
  })

  test('shows the output of what failed, ends with 1, and tries again the next time', async () => {
    await run()
    writeFileSync(join(clone, 'src/main.ts'), 'wrong')
    touch('src/main.ts')
    const failure = await run().catch((error) => error)
    expect(failure.code).toBe(1)
    expect(failure.stderr).toContain('main.ts is wrong')
    expect(failure.stderr).not.toContain('    at ')
    writeFileSync(join(clone, 'src/main.ts'), '')
    touch('src/main.ts')
    await run()
    expect(log().slice(2)).toEqual(['tsc', 'tsc'])
  })
})
