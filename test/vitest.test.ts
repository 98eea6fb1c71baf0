import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { policyTests } from '../src/vitest.js'

policyTests('examples')

test('the package has it under its name', () => {
  expect(createRequire(import.meta.url).resolve('portcullis/vitest')).toMatch(/dist\/src\/vitest\.js$/)
})
