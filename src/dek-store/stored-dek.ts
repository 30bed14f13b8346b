import * as v from 'valibot'
import type { StoredDek } from './dek-store.js'

const base64 = v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]{2,1368}={0,2}$/))

const storedDek = v.strictObject({
  createdAt: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  context: v.record(v.pipe(v.string(), v.maxLength(128)), v.pipe(v.string(), v.maxLength(128))),
  wrappings: v.pipe(
    v.array(v.strictObject({ provider: v.string(), cmkId: v.string(), ciphertextDek: base64 })),
    v.minLength(1),
    v.maxLength(5),
  ),
})

/** `value` if it has the shape of a ciphertext DEK, else undefined. What it says is still to be checked. */
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
