import { defineConfig } from 'vitest/config'

// The unit tests that can see a mutant. The others are left out: they run the library in a process of
// its own, where no mutant is switched on, or are about scripts.
export default defineConfig({
  test: {
    globalSetup: 'test/support/emissions-setup.ts',
    testTimeout: 30_000,
    include: ['test/**/*.test.ts'],
    exclude: [
      'test/integration/**',
      'test/aftermath/**',
      'test/scripts/**',
      'test/cli/**',
      'test/lifetime/**',
      'test/vectors/run.test.ts',
      'test/kms/local/concurrent-writers.test.ts',
    ],
  },
})
