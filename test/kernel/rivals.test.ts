import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { needs } from '../sandbox/needs.js'

const WARNINGS = ['-O2', '-Wall', '-Wextra', '-Werror', '-fsyntax-only']

needs()('the rivals of the queue bench', () => {
  test.each(readdirSync('bench/rivals').filter((name) => name.endsWith('.c')))(
    '%s compiles without a warning',
    (name) => {
      const { status, stderr } = spawnSync('gcc', [...WARNINGS, `bench/rivals/${name}`], { encoding: 'utf8' })
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    },
  )
})
