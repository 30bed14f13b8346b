import { defineConfig } from 'vitest/config'

// Units need nothing. Integration tests and what follows them need a broker in KAFKA_BROKERS, which
// `npm test` provides; the after-all project looks at all that the suite left behind, so it runs last.
export default defineConfig({
  test: {
    globalSetup: 'test/support/emissions-setup.ts',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    coverage: {
      provider: 'v8',
      include: ['src/**'],
      exclude: ['src/**/index.ts', 'src/cli/main.ts'],
      reporter: ['text-summary', 'json-summary', 'html'],
      thresholds: { lines: 95, functions: 95, branches: 89, statements: 95 },
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**', 'test/after-all/**'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          // One small broker: files take turns.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: 'after-all', include: ['test/after-all/**/*.test.ts'], sequence: { groupOrder: 2 } },
      },
    ],
  },
})
