import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { compiler } from './scripts/native/compile.js'

// Five projects. `unit`, `slow` and `services` need nothing; the last two have the tests that take seconds, start
// processes or mock modules, and are told by the name: *.slow.test.ts. `integration` needs a broker in KAFKA_BROKERS,
// which `npm test` provides. `after-all` looks at what all others left behind, so it runs last.
const TESTS = ['test/**/*.test.ts', 'packages/*/test/**/*.test.ts']
const slow = (files: string): string => files.replace(/.test.ts$/, '.slow.test.ts')
const SLOW = TESTS.map(slow)
// The slow tests of what does not depend on the version of Node, so that CI need not run them on a second one: laws and
// faults of the providers whose KMS is a service, and the programs and pages of this repository.
const SERVICES = [
  'test/contract/{aws,azure,gcp,tencent,vault}{,-faults}.test.ts',
  'test/kms/{aws,azure,gcp,tencent,vault}/**/*.test.ts',
  'test/{docs,faults,scripts}/**/*.test.ts',
  'packages/*/test/**/*.test.ts',
].map(slow)
const WITHOUT_COMPILER = compiler() === undefined ? ['test/native/**'] : []
// Vitest loads this file several times.
if (WITHOUT_COMPILER.length > 0 && process.env['KAFKA_ENVELOPE_NO_COMPILER'] === undefined) {
  process.env['KAFKA_ENVELOPE_NO_COMPILER'] = 'said'
  console.warn('The tests of the native engine are left out: this machine has no C compiler')
}
const NOT_UNIT = [
  ...SLOW,
  'test/integration/**',
  'test/after-all/**',
  // `npm run test:clients`
  'test/clients-on-broker/**',
  ...WITHOUT_COMPILER,
]

export default defineConfig({
  test: {
    globalSetup: ['test/support/emissions-setup.ts', 'test/support/cli-setup.ts'],
    // Whether the native engine was built here must not decide what is tested. CI runs the tests with each.
    env: { KAFKA_ENVELOPE_ENGINE: process.env['KAFKA_ENVELOPE_ENGINE'] ?? 'node' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One more than there are cores, since many files wait for a broker, a server or a process of theirs.
    maxWorkers: availableParallelism() + 1,
    coverage: {
      provider: 'v8',
      include: ['src/**', 'packages/*/src/**'],
      // The worker of PKCS#11 runs in a thread of its own, where nothing is measured.
      exclude: ['**/index.ts', '**/main.ts', 'src/kms/pkcs11/worker.cjs'],
      reporter: ['text-summary', 'json-summary', 'html'],
      thresholds: { lines: 95, functions: 95, branches: 89, statements: 95 },
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: TESTS,
          exclude: NOT_UNIT,
          // Files share a process for each worker, so that each module is loaded a few times and not a hundred times.
          isolate: false,
          setupFiles: 'test/support/clean-process.ts',
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'slow',
          include: SLOW,
          exclude: [...SERVICES, ...WITHOUT_COMPILER],
          sequence: { groupOrder: 1 },
        },
      },
      { extends: true, test: { name: 'services', include: SERVICES, sequence: { groupOrder: 1 } } },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          // With the slow ones, so that no worker is idle between the two.
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
