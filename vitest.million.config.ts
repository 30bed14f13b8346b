import { defineConfig } from 'vitest/config'

// The commands for operators on one topic of a million records: run by `npm run test:million` alone.
export default defineConfig({
  test: {
    globalSetup: ['test/support/cli-setup.ts', 'test/million/topic-setup.ts'],
    include: ['test/million/*.million.ts'],
    reporters: ['verbose'],
    // Most of the time, a file waits for processes that read slowly, or for a broker to notice that one was killed.
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
