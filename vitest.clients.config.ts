import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// Each Kafka client, plain and wrapped, on a real broker: run by `npm run test:clients` alone.
export default defineConfig({
  test: {
    globalSetup: 'test/support/emissions-setup.ts',
    include: ['test/clients-on-broker/**/*.test.ts'],
    env: { KAFKA_ENVELOPE_ENGINE: process.env['KAFKA_ENVELOPE_ENGINE'] ?? 'node' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One more than there are cores, since most of the time a file waits for the broker.
    maxWorkers: availableParallelism() + 1,
  },
})
