import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const DOCUMENT = 'examples/library.md'
const document = readFileSync(DOCUMENT, 'utf8')
const blocks = [...document.matchAll(/^```js\n(.*?)^```$/gms)].map(({ 1: code = '', index }) => {
  const line = document.slice(0, index).split('\n').length
  return { code, line }
})

let folder: string
beforeAll(() => {
  // Within the package, where its own name leads to it.
  mkdirSync('dist', { recursive: true })
  folder = mkdtempSync(join('dist', 'examples-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('there are examples', () => {
  expect(blocks.length).toBeGreaterThan(3)
})

test.each(blocks)(`${DOCUMENT}:$line prints what stands behind its console.logs`, ({ code, line }) => {
  const file = join(folder, `line-${line}.mjs`)
  writeFileSync(file, code)
  const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
  const told = [...code.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].map(([, text]) => text)
  expect({ stderr, lines: stdout.trimEnd().split('\n') }).toEqual({ stderr: '', lines: told })
})
