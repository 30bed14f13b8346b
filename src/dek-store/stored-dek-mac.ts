import type { Dek } from '../crypto/dek.js'
import type { StoredDek } from './dek-store.js'

/*
 * A ciphertext DEK in a store or a configuration carries an HMAC under a key derived from the DEK itself. So a change
 * of a date, a context or a wrapping that was made without the DEK is detected as soon as the DEK is unwrapped.
 */

const MAC_INFO = 'kafka-envelope/stored-dek/1'

type Content = Omit<StoredDek, 'mac'>

export function withMac(content: Content, dek: Dek): StoredDek {
  return { ...content, mac: dek.mac(MAC_INFO, bytesOf(content)).toString('base64') }
}

/** Whether `stored` is unchanged since `dek` authenticated it. */
export function isIntact(stored: StoredDek, dek: Dek): boolean {
  return dek.verifyMac(MAC_INFO, bytesOf(stored), Buffer.from(stored.mac, 'base64'))
}

function bytesOf({ createdAt, context, wrappings }: Content): Buffer {
  // Strings and one number in a fixed order: two different DEKs never give the same text.
  const text = JSON.stringify([
    createdAt,
    Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1)),
    wrappings.map(({ provider, cmkId, ciphertextDek }) => [provider, cmkId, ciphertextDek]),
  ])
  return Buffer.from(text)
}
