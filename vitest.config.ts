import { defineConfig } from 'vitest/config'

const kernel = ['test/kernel/**/*.test.ts', 'test/sandbox/**/*.test.ts', 'native/test/**/*.test.ts']

export default defineConfig({
  test: {
    // What starts programs takes its time where others keep the processors busy.
    testTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: kernel },
      },
      {
        extends: true,
        test: {
          name: 'kernel',
          include: kernel,
          globalSetup: 'test/sandbox/features.ts',
          pool: 'forks',
          // They share one firewall, one queue number space and one network.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          hookTimeout: 30_000,
        },
      },
    ],
  },
})
