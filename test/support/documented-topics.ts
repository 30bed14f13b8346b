import { mkdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, inject } from 'vitest'

/** Each file before this one may take a minute or two. */
const TIMEOUT_MS = 600_000

/**
 * Gives the calling test file the topics of the documentation to itself, from its hooks after this call to its end.
 * Their names are fixed, so the files of a run that use them must not do so at the same time.
 */
export function claimDocumentedTopics(): void {
  const claim = join(inject('emissions'), 'documented-topics')
  const claimed = async (): Promise<boolean> => {
    try {
      await mkdir(claim)
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw error
    }
  }
  let isMine = false
  beforeAll(async () => {
    while (!isMine) {
      isMine = await claimed()
      if (!isMine) await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }, TIMEOUT_MS)
  // After the hooks that come later in the file, since these run in reverse order.
  afterAll(() => (isMine ? rmdir(claim) : undefined))
}
