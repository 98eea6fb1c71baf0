import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const hasCompiler = spawnSync('cc', ['--version']).status === 0
const sources = readdirSync('bench/rivals').filter((name) => name.endsWith('.c'))

describe.skipIf(process.platform !== 'linux' || !hasCompiler)('the rivals of the queue bench', () => {
  it.each(sources)('%s compiles without a warning', (name) => {
    const { status, stderr } = spawnSync(
      'cc',
      ['-O2', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', `bench/rivals/${name}`],
      { encoding: 'utf8' },
    )
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})
