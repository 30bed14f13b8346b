import { readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Examples before property tests and vectors: most mutants die of the former, in a tenth of the time. */
class ExamplesFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const cost = ({ moduleId }: TestSpecification): number => {
      const text = readFileSync(moduleId, 'utf8')
      return text.length * (/from 'fast-check'|try-vectors/.test(text) ? 1000 : 1)
    }
    return Promise.resolve([...files].sort((a, b) => cost(a) - cost(b)))
  }
}

// The unit tests that can see a mutant. Left out, for their time alone, are those that run the library in
// a process of its own, where no mutant is switched on, and those of what imports no mutated folder.
export default defineConfig({
  test: {
    globalSetup: 'test/support/emissions-setup.ts',
    setupFiles: 'scripts/mutation/same-samples.ts',
    testTimeout: 30_000,
    sequence: { sequencer: ExamplesFirst },
    include: ['test/**/*.test.ts'],
    exclude: [
      'test/integration/**',
      'test/after-all/**',
      'test/scripts/**',
      'test/cli/**',
      'test/lifetime/**',
      'test/vectors/run.slow.test.ts',
      'test/contract/**',
      'test/kms/*/**',
      'test/config-file/**',
      'test/docs/**',
      'test/live/**',
      'test/opentelemetry/loading.slow.test.ts',
      'test/testing/**',
      // These take tens of seconds, for each mutant that lives.
      'test/property/dek-rotation.model.slow.test.ts',
      'test/property/cost.slow.test.ts',
      'test/keys/opening/flood.slow.test.ts',
      'test/clients/kafkajs/flood.slow.test.ts',
    ],
  },
})
