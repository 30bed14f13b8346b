import type { StoredDek } from '../../dek-store/dek-store.js'
import { isIntact, withMac } from '../../dek-store/stored-dek-mac.js'
import { refuseCancelled } from '../../cancellation.js'
import { EnvelopeError } from '../../errors.js'
import type { NewDek } from '../../kms/cmk.js'
import { ageMeter, type Clock } from '../../clock.js'
import type { SealingScope } from './dek-supplier.js'

/** How far another machine's clock may be ahead. */
const SKEW_MS = 300_000

/** The form in which a store or a configuration keeps a DEK that was just made. */
export function storableDek(
  { dek, wrappings }: Pick<NewDek, 'dek' | 'wrappings'>,
  { encrypt }: Pick<SealingScope, 'encrypt'>,
  clock: Clock,
): StoredDek {
  const content = {
    createdAt: clock.wallMs(),
    context: encrypt.context,
    wrappings: wrappings.map(({ provider, cmkId, ciphertextDek }) => ({
      provider,
      cmkId,
      ciphertextDek: ciphertextDek.toString('base64'),
    })),
  }
  return withMac(content, dek)
}

/** Returns a function that gives its age, or undefined if it was made in the future. */
export function storedAge({ createdAt }: StoredDek, clock: Clock): (() => number) | undefined {
  const already = clock.wallMs() - createdAt
  if (already < -SKEW_MS) return undefined
  const since = ageMeter(clock)
  return () => Math.max(already, 0) + since()
}

/** Whether it was made under exactly the CMKs and context that the rule has now. */
export function matchesScope({ wrappings, context }: StoredDek, { cmks, encrypt }: SealingScope): boolean {
  const entries = Object.entries(encrypt.context)
  return (
    wrappings.length === cmks.list.length &&
    cmks.list.every(
      ({ provider, id }, i) => wrappings[i]?.provider === provider && wrappings[i].cmkId === id,
    ) &&
    Object.keys(context).length === entries.length &&
    entries.every(([key, value]) => Object.hasOwn(context, key) && context[key] === value)
  )
}

/**
 * Unwraps under the first CMK that can, unless one before it is disabled or deleted.
 * @throws EnvelopeError as `CmkSet.unwrap` says; UNWRAP_FAILED if the content was changed
 */
export async function unwrapStored(
  stored: StoredDek,
  { cmks, encrypt }: SealingScope,
  signal: AbortSignal,
): Promise<NewDek> {
  const wrappings = stored.wrappings.map(({ ciphertextDek, ...names }) => ({
    ...names,
    ciphertextDek: Buffer.from(ciphertextDek, 'base64'),
  }))
  // Matched by position: the MAC proves that the wrappings are those of these CMKs.
  const byCmk = cmks.list.flatMap((cmk, i) => {
    const ciphertextDek = wrappings[i]?.ciphertextDek
    return ciphertextDek === undefined ? [] : [{ cmk, ciphertextDek }]
  })
  const dek = await cmks.unwrap(byCmk, async ({ cmk, ciphertextDek }) => {
    refuseCancelled(signal)
    return cmk.unwrap(ciphertextDek, encrypt.context, signal)
  })
  if (isIntact(stored, dek)) return { dek, wrappings, missing: [] }
  dek.destroy()
  // No other wrapping is tried: anyone who forges one can also make a MAC that matches it.
  throw new EnvelopeError('UNWRAP_FAILED', 'a stored ciphertext DEK was changed after it was created')
}
