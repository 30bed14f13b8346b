import { readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Examples run before property tests and vectors: they kill most mutants in a tenth of the time. */
class ExamplesFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const cost = ({ moduleId }: TestSpecification): number => {
      const text = readFileSync(moduleId, 'utf8')
      return text.length * (/from 'fast-check'|try-vectors/.test(text) ? 1000 : 1)
    }
    return Promise.resolve([...files].sort((a, b) => cost(a) - cost(b)))
  }
}

// The tests that can detect a mutant, except the slowest. The other tests run the library in a separate process, where
// no mutant is active, or import no mutated folder.
export default defineConfig({
  test: {
    env: { KAFKA_ENVELOPE_ENGINE: 'node' },
    globalSetup: 'test/support/emissions-setup.ts',
    setupFiles: 'scripts/mutation/same-samples.ts',
    testTimeout: 30_000,
    sequence: { sequencer: ExamplesFirst },
    include: [
      'test/{clients,config,crypto,dek-store,encryption,envelope,keys,kms,opentelemetry,policy,record}/**/*.test.ts',
      'test/property/{canonical,inverse,rotation.model,tamper}.slow.test.ts',
      'test/vectors/vectors.slow.test.ts',
      'test/*.test.ts',
    ],
    exclude: ['test/kms/*/**', 'test/{clients,keys,opentelemetry}/**/*.slow.test.ts'],
  },
})
