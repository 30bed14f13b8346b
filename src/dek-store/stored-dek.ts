import * as v from 'valibot'
import {
  CMK_ID,
  CONTEXT_TEXT,
  MAX_CIPHERTEXT_DEK_BYTES,
  MAX_WRAPPINGS,
  PROVIDER,
} from '../envelope/bounds.js'
import type { StoredDek } from './dek-store.js'

const MAC_BYTES = 32

/** Base64 (RFC 4648, section 4) of `minBytes` to `maxBytes` bytes, in its one canonical form. */
function base64(minBytes: number, maxBytes: number) {
  return v.pipe(
    v.string(),
    v.maxLength(4 * Math.ceil(maxBytes / 3)),
    v.check((text) => {
      const bytes = Buffer.from(text, 'base64')
      return bytes.length >= minBytes && bytes.length <= maxBytes && bytes.toString('base64') === text
    }),
  )
}

const contextText = v.pipe(v.string(), v.maxLength(CONTEXT_TEXT.maxBytes))

const storedDek = v.strictObject({
  createdAt: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  context: v.record(contextText, contextText),
  wrappings: v.pipe(
    v.array(
      v.strictObject({
        provider: v.pipe(v.string(), v.maxLength(PROVIDER.maxBytes)),
        cmkId: v.pipe(v.string(), v.maxLength(CMK_ID.maxBytes)),
        ciphertextDek: base64(1, MAX_CIPHERTEXT_DEK_BYTES),
      }),
    ),
    v.minLength(1),
    v.maxLength(MAX_WRAPPINGS),
  ),
  mac: base64(MAC_BYTES, MAC_BYTES),
})

/** `value` if it has the shape of a ciphertext DEK, else undefined. Its content still has to be checked. */
export function asStoredDek(value: unknown): StoredDek | undefined {
  const parsed = v.safeParse(storedDek, value)
  return parsed.success ? parsed.output : undefined
}

/** The ciphertext DEK in a text that `provision` returned, else undefined. */
export function parseStoredDek(text: string): StoredDek | undefined {
  try {
    return asStoredDek(JSON.parse(text))
  } catch {
    return undefined
  }
}
