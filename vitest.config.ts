import { defineConfig } from 'vitest/config'

const kernel = ['test/kernel/**/*.test.ts', 'test/sandbox/**/*.test.ts', 'native/test/**/*.test.ts']

// What starts programs takes its time where others keep the processors busy, and in an emulated machine.
const patience = Number(process.env.PORTCULLIS_PATIENCE_MS ?? 30_000)

export default defineConfig({
  test: {
    testTimeout: patience,
    // Vitest leaves one processor idle otherwise.
    maxWorkers: '100%',
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
          hookTimeout: patience,
        },
      },
    ],
  },
})
