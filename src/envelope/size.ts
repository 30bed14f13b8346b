import { COMMITMENT_BYTES, IV_BYTES, SESSION_ID_BYTES, TAG_BYTES } from './bounds.js'

/** What an envelope adds to a body: its head, its IV and tag, and the length of the body. See docs/format.md. */

/** The prefix, `C3 01` and a fingerprint. */
const PREFIX_BYTES = 10

export interface Envelope {
  readonly wrappings: readonly {
    readonly provider: string
    readonly cmkId: string
    readonly ciphertextDekBytes: number
  }[]
  readonly boundHeaders: readonly string[]
  readonly topic: string
  readonly context: Readonly<Record<string, string>>
  /** Of the value, compressed if it is. */
  readonly bodyBytes: number
}

/** Bytes that the envelope has more than its body. */
export function overheadBytes({ wrappings, bodyBytes, ...header }: Envelope): number {
  const wrapped = wrappings.map(
    ({ provider, cmkId, ciphertextDekBytes }) =>
      textBytes(provider) + textBytes(cmkId) + lengthBytes(ciphertextDekBytes) + ciphertextDekBytes,
  )
  const headerLength = headerBytes(header)
  return (
    PREFIX_BYTES +
    blockBytes(wrapped) +
    lengthBytes(headerLength) +
    headerLength +
    IV_BYTES +
    TAG_BYTES +
    lengthBytes(bodyBytes)
  )
}

/** What a context takes in a header. */
export function contextBytes(entries: readonly (readonly [key: string, value: string])[]): number {
  return blockBytes(entries.map(([key, value]) => textBytes(key) + textBytes(value)))
}

/** What the header of an envelope takes. */
export function headerBytes({
  boundHeaders,
  topic,
  context,
}: Omit<Envelope, 'wrappings' | 'bodyBytes'>): number {
  const suiteCompressionAndKeyBound = 3
  return (
    suiteCompressionAndKeyBound +
    blockBytes(boundHeaders.map(textBytes)) +
    textBytes(topic) +
    contextBytes(Object.entries(context)) +
    SESSION_ID_BYTES +
    COMMITMENT_BYTES
  )
}

/** An array or map of Avro in one block: the count, what it has, a zero; empty it is the zero. */
function blockBytes(items: readonly number[]): number {
  const end = 1
  return items.length === 0 ? end : lengthBytes(items.length) + items.reduce((sum, item) => sum + item) + end
}

function textBytes(text: string): number {
  const bytes = Buffer.byteLength(text)
  return lengthBytes(bytes) + bytes
}

/** A length as an Avro `long`: zigzag, seven bits a byte. */
function lengthBytes(length: number): number {
  let bytes = 1
  for (let rest = length * 2; rest >= 128; rest /= 128) bytes++
  return bytes
}
