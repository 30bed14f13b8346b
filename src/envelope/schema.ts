import avsc from 'avsc'

/**
 * The released schemas (`schemas/*.avsc`) as far as code needs them. Fingerprints are literals: what is
 * released never changes, a change is a new schema beside the old.
 */

/** CRC-64-AVRO of the envelope's parsing canonical form, little-endian, as on the wire. */
export const ENVELOPE_FINGERPRINT = '0fea18fa6fe363e8'

/** Avro single-object encoding: the marker, then the fingerprint. */
export const PREFIX: Buffer = Buffer.from(`c301${ENVELOPE_FINGERPRINT}`, 'hex')

/** A header as `avsc` writes it. */
export interface WrittenHeader {
  readonly suite: number
  readonly compression: number
  readonly keyBound: boolean
  readonly boundHeaders: readonly string[]
  readonly topic: string
  readonly context: readonly { readonly key: string; readonly value: string }[]
  readonly sessionId: Buffer
  readonly commitment: Buffer
}

/**
 * Writes headers. `context` is a map in the schema and an array of pairs here: the bytes are the same
 * (Avro 1.12, "Maps"), but a JavaScript object would put keys that look like integers first, whatever
 * the order they were given in.
 */
const headerWriter = avsc.Type.forSchema({
  type: 'record',
  name: 'kafka_envelope.v1.Header',
  fields: [
    { name: 'suite', type: 'int' },
    { name: 'compression', type: 'int' },
    { name: 'keyBound', type: 'boolean' },
    { name: 'boundHeaders', type: { type: 'array', items: 'string' } },
    { name: 'topic', type: 'string' },
    {
      name: 'context',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'Entry',
          fields: [
            { name: 'key', type: 'string' },
            { name: 'value', type: 'string' },
          ],
        },
      },
    },
    { name: 'sessionId', type: { type: 'fixed', name: 'SessionId', size: 16 } },
    { name: 'commitment', type: { type: 'fixed', name: 'Commitment', size: 32 } },
  ],
})

const wrappedDeksWriter = avsc.Type.forSchema({
  type: 'array',
  items: {
    type: 'record',
    name: 'kafka_envelope.v1.WrappedDek',
    fields: [
      { name: 'provider', type: 'string' },
      { name: 'cmkId', type: 'string' },
      { name: 'ciphertextDek', type: 'bytes' },
    ],
  },
})

export function writeHeader(header: WrittenHeader): Buffer {
  return headerWriter.toBuffer(header)
}

/** One wrapping of the DEK. */
export interface WrappedDek {
  readonly provider: string
  readonly cmkId: string
  readonly ciphertextDek: Buffer
}

export function writeWrappedDeks(wrappedDeks: readonly WrappedDek[]): Buffer {
  return wrappedDeksWriter.toBuffer(wrappedDeks)
}
