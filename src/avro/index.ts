import avsc from 'avsc'

/*
 * For tools that inspect envelopes. The library itself does not use these types: `avsc` compiles code for each, which
 * hardened runtimes refuse. A test compares them with the released schemas (`schemas/*.avsc`).
 */

const fixed = (name: string, size: number): avsc.Schema => ({ type: 'fixed', name, size })

/** An envelope, which follows the ten bytes of the prefix (docs/format.md, section 4). */
export const envelopeType: avsc.Type = avsc.Type.forSchema({
  type: 'record',
  name: 'Envelope',
  namespace: 'kafka_envelope.v1',
  fields: [
    {
      name: 'wrappedDeks',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'WrappedDek',
          fields: [
            { name: 'provider', type: 'string' },
            { name: 'cmkId', type: 'string' },
            { name: 'ciphertextDek', type: 'bytes' },
          ],
        },
      },
    },
    { name: 'header', type: 'bytes' },
    { name: 'iv', type: fixed('Iv', 12) },
    { name: 'tag', type: fixed('Tag', 16) },
    { name: 'body', type: 'bytes' },
  ],
})

/** A header: the bytes in `header` of an envelope. */
export const headerType: avsc.Type = avsc.Type.forSchema({
  type: 'record',
  name: 'Header',
  namespace: 'kafka_envelope.v1',
  fields: [
    { name: 'suite', type: 'int' },
    { name: 'compression', type: 'int' },
    { name: 'dictionary', type: 'bytes' },
    { name: 'keyBound', type: 'boolean' },
    { name: 'boundHeaders', type: { type: 'array', items: 'string' } },
    { name: 'topic', type: 'string' },
    { name: 'context', type: { type: 'map', values: 'string' } },
    { name: 'sessionId', type: fixed('SessionId', 16) },
    { name: 'commitment', type: fixed('Commitment', 32) },
  ],
})
