import { configError } from '../errors.js'
import type { Kms } from './kms.js'

/** How many owners use a KMS that can be closed; 0 once the last of them has closed it. */
const owners = new WeakMap<Kms, number>()

/** The share that an owner has in its KMSs. */
export interface KmsShare {
  /** Closes the KMSs that no other owner uses. One that fails to close neither keeps the others open nor hides another error. */
  close(): Promise<void>
  /** Leaves all of them open: an owner that could not start may be tried again. */
  giveBack(): void
}

/**
 * Counts an owner of each KMS, so that several may use one object: the last to close ends it.
 * @throws EnvelopeError CONFIG_INVALID where one was closed by its last owner
 */
export function share(kmses: Readonly<Record<string, Kms>>): KmsShare {
  const issues = Object.entries(kmses)
    .filter(([, kms]) => owners.get(kms) === 0)
    .map(([name]) => ({
      path: `kms.${name}`,
      message: 'this KMS was closed together with the last encryption that used it; make a new one',
    }))
  if (issues.length > 0) throw configError(issues)
  // One KMS may have several names.
  const shared = [...new Set(Object.values(kmses))].filter((kms) => kms.close !== undefined)
  for (const kms of shared) owners.set(kms, (owners.get(kms) ?? 0) + 1)
  /** Whether that was the last owner. */
  const leave = (kms: Kms): boolean => {
    const others = (owners.get(kms) ?? 1) - 1
    owners.set(kms, others)
    return others === 0
  }
  return {
    async close() {
      await Promise.allSettled(shared.filter(leave).map(async (kms) => kms.close?.()))
    },
    giveBack() {
      for (const kms of shared) if (leave(kms)) owners.delete(kms)
    },
  }
}
