import { defineConfig } from 'vitest/config'

// What needs the readers in Python and Java, built: run by `npm run test:cross-readings` alone.
export default defineConfig({
  test: {
    include: ['test/readers/*.readers.ts'],
    reporters: ['verbose'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
