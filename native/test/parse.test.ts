import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { atEnd, compile, fixture, run } from './helpers.js'

test('no message, however malformed, makes the parser read too far, or the writer answer wrongly', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-'))
  atEnd(() => rmSync(folder, { recursive: true }))
  const source = (name: string) => join(import.meta.dirname, '..', 'src', name)
  const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']
  const program = compile(
    join(folder, 'fuzz'),
    ...sanitizers,
    fixture('fuzz.c'),
    source('parse.c'),
    source('verdict.c'),
  )
  const seed = Date.now()
  expect(`seed ${seed}: ${run(program, '500000', String(seed))}`).toBe(`seed ${seed}: 500000\n`)
})
