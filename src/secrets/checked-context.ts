import { CONTEXT_TEXT } from '../envelope/bounds.js'
import { canonicalContext } from '../envelope/context.js'
import { EnvelopeError } from '../errors.js'
import type { EncryptionContext } from '../kms/kms.js'
import { SECRET_MARK_KEY, secretContext } from '../kms/secret.js'

/** As JSON, with the entry that marks secrets. The service with the lowest limit takes this much. */
const MAX_BYTES = 1024

/**
 * The context of a secret, copied.
 * @throws EnvelopeError INVALID_SECRET. Entries that are not valid are not repeated: they might be secret.
 */
export function checkedContext(context: unknown): EncryptionContext {
  // Another object, such as a Map, would count as an empty context.
  if (Object.prototype.toString.call(context) !== '[object Object]') throw invalid('is not an object')
  const entries: [string, unknown][] = Object.entries(context as object)
  for (const [key, value] of entries) {
    if (key === SECRET_MARK_KEY) throw invalid(`has the key ${SECRET_MARK_KEY}, which is reserved`)
    if (![key, value].every((text) => typeof text === 'string' && CONTEXT_TEXT.pattern.test(text)))
      throw invalid('has a key or a value that is not 1 to 128 of A-Z a-z 0-9 . _ : / @ = + -')
  }
  const checked = Object.fromEntries(entries) as EncryptionContext
  if (canonicalContext(secretContext(checked)).length > MAX_BYTES)
    throw invalid(
      `takes more than ${MAX_BYTES.toLocaleString('en-US')} bytes as JSON, with the entry that marks secrets`,
    )
  return checked
}

function invalid(how: string): EnvelopeError {
  return new EnvelopeError('INVALID_SECRET', `the context of the secret ${how}`)
}
