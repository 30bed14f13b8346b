import { configError } from '../errors.js'
import type { Kms } from './kms.js'

/** How many owners use a KMS that can be closed; 0 once the last of them has closed it. */
const owners = new WeakMap<Kms, number>()

/** An owner's share in its KMS objects. */
export interface KmsShare {
  /**
   * Closes the KMS objects that no other owner uses. If one fails to close, the others are closed all the same, and no
   * other error is hidden.
   */
  close(): Promise<void>
  /** Leaves all of them open, because an owner that could not start may be created again. */
  giveBack(): void
}

/**
 * Counts the owners of each KMS, so that several may share one object: the last to close ends it.
 * @throws EnvelopeError CONFIG_INVALID if its last owner has closed one of them
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
  /** Removes an owner. Returns whether it was the last one. */
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
