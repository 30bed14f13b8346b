import { defineConfig } from 'vitest/config'

// The commands for operators on one topic of a million records: run by `npm run test:million` alone.
export default defineConfig({
  test: {
    globalSetup: 'test/million/topic-setup.ts',
    include: ['test/million/*.million.ts'],
    reporters: ['verbose'],
    // One file after the other: each measures, or kills processes at moments that must come in the middle.
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
