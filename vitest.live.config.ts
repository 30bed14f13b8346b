import { defineConfig } from 'vitest/config'

// What costs money: run by `npm run test:tencent-live` alone, which says so first.
export default defineConfig({
  test: {
    include: ['test/live/*.live.ts'],
    reporters: ['verbose'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    retry: 0,
  },
})
