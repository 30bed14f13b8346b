import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TemporaryFolder {
  /** A path inside. */
  at(name: string): string
  /** Removes a file inside, if it is there. */
  removeFile(name: string): Promise<void>
  remove(): Promise<void>
}

export async function temporaryFolder(): Promise<TemporaryFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-test-'))
  return {
    at: (name) => join(folder, name),
    removeFile: (name) => rm(join(folder, name), { force: true }),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
