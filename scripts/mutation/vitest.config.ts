import { defineConfig } from 'vitest/config'

// The unit tests that can see a mutant. Left out, for their time alone, are those that run the library in
// a process of its own, where no mutant is switched on, and those of what imports no mutated folder.
export default defineConfig({
  test: {
    globalSetup: 'test/support/emissions-setup.ts',
    setupFiles: 'scripts/mutation/same-samples.ts',
    testTimeout: 30_000,
    include: ['test/**/*.test.ts'],
    exclude: [
      'test/integration/**',
      'test/aftermath/**',
      'test/scripts/**',
      'test/cli/**',
      'test/lifetime/**',
      'test/vectors/run.test.ts',
      'test/contract/**',
      'test/kms/*/**',
    ],
  },
})
