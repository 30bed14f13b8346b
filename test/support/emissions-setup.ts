import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** A folder in which the suite records everything that the library emits. */
    emissions: string
  }
}

const SHARED = 'KAFKA_ENVELOPE_TEST_EMISSIONS'

/** One folder for all projects of a run: vitest sets up each of them, with modules of its own, in one process. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = (process.env[SHARED] ??= await mkdtemp(join(tmpdir(), 'kafka-envelope-emissions-')))
  project.provide('emissions', folder)
  return () => rm(folder, { recursive: true, force: true })
}
