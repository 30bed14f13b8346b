import { COMMITMENT_BYTES, DICTIONARY_NAME_BYTES, IV_BYTES, SESSION_ID_BYTES, TAG_BYTES } from '../bounds.js'
import type { EnvelopeShape, HeaderShape } from '../format.js'
import { lengthBytes } from '../write.js'
import { PREFIX } from './prefix.js'

/** The bytes that an envelope adds to its body: the preamble, IV and tag, and the length of the body. */
export function overheadBytes({ wrappings, bodyBytes, ...header }: EnvelopeShape): number {
  const wrapped = wrappings.map(
    ({ provider, cmkId, ciphertextDekBytes }) =>
      textBytes(provider) + textBytes(cmkId) + lengthBytes(ciphertextDekBytes) + ciphertextDekBytes,
  )
  const headerLength = headerBytes(header)
  return (
    PREFIX.length +
    blockBytes(wrapped) +
    lengthBytes(headerLength) +
    headerLength +
    IV_BYTES +
    TAG_BYTES +
    lengthBytes(bodyBytes)
  )
}

export function contextBytes(entries: readonly (readonly [key: string, value: string])[]): number {
  return blockBytes(entries.map(([key, value]) => textBytes(key) + textBytes(value)))
}

export function headerBytes({ hasDictionary, boundHeaders, topic, context }: HeaderShape): number {
  const suiteCompressionAndKeyBound = 3
  const dictionaryBytes = 1 + (hasDictionary ? DICTIONARY_NAME_BYTES : 0)
  return (
    suiteCompressionAndKeyBound +
    dictionaryBytes +
    blockBytes(boundHeaders.map(textBytes)) +
    textBytes(topic) +
    contextBytes(Object.entries(context)) +
    SESSION_ID_BYTES +
    COMMITMENT_BYTES
  )
}

/** An Avro array or map in one block: count, items, a zero; only the zero if it is empty. */
function blockBytes(items: readonly number[]): number {
  const end = 1
  return items.length === 0 ? end : lengthBytes(items.length) + items.reduce((sum, item) => sum + item) + end
}

function textBytes(text: string): number {
  const bytes = Buffer.byteLength(text)
  return lengthBytes(bytes) + bytes
}
