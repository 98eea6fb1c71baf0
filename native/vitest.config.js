import { defineConfig } from 'vitest/config'

// One file at a time: they share the rules of one network namespace.
export default defineConfig({
  test: { include: ['test/**/*.test.ts'], fileParallelism: false, testTimeout: 20_000 },
})
