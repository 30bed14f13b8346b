import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const NEST = ['test/nestjs/**/*.test.ts', 'test/clients-on-broker/nestjs/**/*.test.ts']
/** Version 2 needs Node.js 22.22 or later. */
const hasPlatformatic2 = Number(process.versions.node.split('.')[0]) >= 24
const platformatic2 = fileURLToPath(
  new URL('test/support/platformatic-2/node_modules/@platformatic/kafka/dist/index.js', import.meta.url),
)
const nest11 = (name: string): string =>
  fileURLToPath(new URL(`test/support/nestjs-11/node_modules/${name}`, import.meta.url))

// Each Kafka client, plain and wrapped, on a real broker: run by `npm run test:clients` alone. The entry for NestJS runs
// on both versions of Nest: the sources are the same, and the second project has other packages for their imports.
export default defineConfig({
  test: {
    globalSetup: 'test/support/emissions-setup.ts',
    env: { KAFKA_ENVELOPE_ENGINE: process.env['KAFKA_ENVELOPE_ENGINE'] ?? 'node' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One more than there are cores, since most of the time a file waits for the broker.
    maxWorkers: availableParallelism() + 1,
    projects: [
      {
        extends: true,
        test: {
          name: 'clients',
          include: ['test/clients-on-broker/**/*.test.ts'],
          exclude: NEST,
          sequence: { groupOrder: 0 },
        },
      },
      ...(hasPlatformatic2
        ? [
            {
              extends: true as const,
              resolve: { alias: { '@platformatic/kafka': platformatic2 } },
              test: {
                name: 'platformatic-2',
                include: ['test/clients-on-broker/platformatic/{failures,rebalances,round-trip}.test.ts'],
                globalSetup: ['test/support/emissions-setup.ts', 'test/support/platformatic-2/setup.ts'],
              },
            },
          ]
        : []),
      { extends: true, test: { name: 'nestjs-12', include: NEST.slice(1) } },
      {
        extends: true,
        resolve: {
          alias: [{ find: /^(@nestjs\/.*|rxjs|reflect-metadata)$/, replacement: nest11('$1') }],
        },
        test: {
          name: 'nestjs-11',
          env: { NESTJS_IN: 'test/support/nestjs-11' },
          include: NEST,
          globalSetup: ['test/support/emissions-setup.ts', 'test/support/nestjs-11/setup.ts'],
        },
      },
      // What all of them left behind.
      {
        extends: true,
        test: { name: 'after-all', include: ['test/after-all/**/*.test.ts'], sequence: { groupOrder: 1 } },
      },
    ],
  },
})
