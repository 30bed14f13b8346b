import type { StoredDek } from '../../dek-store/dek-store.js'
import { refuseCancelled } from '../../cancellation.js'
import { EnvelopeError } from '../../errors.js'
import type { NewDek } from '../../kms/cmk.js'
import { ageMeter, type Clock } from '../../clock.js'
import type { SealingScope } from './dek-supplier.js'

/*
 * Ciphertext DEKs on their way to and from a store or a configuration. Each carries an HMAC under a key derived from
 * the DEK itself: so a date, a context or a wrapping that somebody without the DEK changed shows once it is unwrapped.
 */

const MAC_INFO = 'kafka-envelope/stored-dek/1'
/** How far another machine's clock may be ahead. */
const SKEW_MS = 300_000

/** What a store or a configuration keeps of a DEK that was just made. */
export function storableDek(
  { dek, wrappings }: NewDek,
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
  return { ...content, mac: dek.mac(MAC_INFO, bytesOf(content)).toString('base64') }
}

/** Its age from now on, or undefined where it was made in the future. */
export function storedAge({ createdAt }: StoredDek, clock: Clock): (() => number) | undefined {
  const already = clock.wallMs() - createdAt
  if (already < -SKEW_MS) return undefined
  const since = ageMeter(clock)
  return () => Math.max(already, 0) + since()
}

/** Whether it was made under exactly the CMKs and the context that the rule has now. */
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
 * Unwraps under the nearest CMK that does it, unless one before it is disabled or gone.
 * @throws EnvelopeError what the KMS fails with, as `CmkSet.unwrap` says; UNWRAP_FAILED where the content was changed
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
  // By position: that the names are those of the CMKs is what the MAC proves.
  const byCmk = cmks.list.flatMap((cmk, i) => {
    const ciphertextDek = wrappings[i]?.ciphertextDek
    return ciphertextDek === undefined ? [] : [{ cmk, ciphertextDek }]
  })
  const dek = await cmks.unwrap(byCmk, async ({ cmk, ciphertextDek }) => {
    refuseCancelled(signal)
    return cmk.unwrap(ciphertextDek, encrypt.context, signal)
  })
  if (dek.verifyMac(MAC_INFO, bytesOf(stored), Buffer.from(stored.mac, 'base64'))) return { dek, wrappings }
  dek.destroy()
  // Final: the next wrapping may be somebody else's, and the MAC theirs.
  throw new EnvelopeError('UNWRAP_FAILED', 'a stored ciphertext DEK was changed after it was made')
}

function bytesOf({ createdAt, context, wrappings }: Omit<StoredDek, 'mac'>): Buffer {
  // Strings and one number in a fixed order: this text has one reading.
  const text = JSON.stringify([
    createdAt,
    Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1)),
    wrappings.map(({ provider, cmkId, ciphertextDek }) => [provider, cmkId, ciphertextDek]),
  ])
  return Buffer.from(text)
}
