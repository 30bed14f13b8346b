import fc from 'fast-check'
import { expect, it } from 'vitest'
import { contextEntries } from '../../../src/envelope/context.js'
import { v1 } from '../../../src/envelope/v1/v1.js'

const text = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom('a', 'B', '7', '-'), minLength: 1, maxLength })

it('an envelope is as much longer than its body as its size was computed to be', () => {
  const wrapping = fc.record({
    provider: text(64),
    cmkId: text(256),
    ciphertextDekBytes: fc.integer({ min: 1, max: 1024 }),
  })
  const shape = fc.record({
    wrappings: fc.array(wrapping, { minLength: 1, maxLength: 5 }),
    hasDictionary: fc.boolean(),
    boundHeaders: fc.array(text(100), { maxLength: 32 }),
    topic: text(249),
    context: fc.dictionary(text(20), text(128), { maxKeys: 6 }),
    bodyBytes: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 20_000 })),
  })
  fc.assert(
    fc.property(shape, ({ wrappings, bodyBytes, ...header }) => {
      const context = contextEntries(header.context)
      const headerBytes = v1.encodeHeader({
        ...header,
        context,
        suite: 1,
        compression: header.hasDictionary ? 3 : 2,
        dictionary: Buffer.alloc(header.hasDictionary ? 32 : 0),
        keyBound: true,
        sessionId: Buffer.alloc(16),
        commitment: Buffer.alloc(32),
      })
      expect(v1.sizes.header(header)).toBe(headerBytes.length)
      const withoutContext = v1.sizes.header({ ...header, context: {} }) - v1.sizes.context([])
      expect(withoutContext + v1.sizes.context(context)).toBe(headerBytes.length)
      const preamble = v1.encodePreamble(
        wrappings.map(({ ciphertextDekBytes, ...names }) => ({
          ...names,
          ciphertextDek: Buffer.alloc(ciphertextDekBytes),
        })),
        headerBytes,
      )
      const length = v1.envelopeBytes(preamble, bodyBytes)
      expect(length - bodyBytes).toBe(v1.sizes.overhead({ ...header, wrappings, bodyBytes }))
      const target = Buffer.alloc(3 + length, 0xee)
      const bodyAt = v1.writeFrame(target, 3, preamble, bodyBytes)
      expect(target.length - bodyAt).toBe(bodyBytes)
      const unwritten = Buffer.concat([target.subarray(0, 3), target.subarray(bodyAt)])
      expect(unwritten.equals(Buffer.alloc(3 + bodyBytes, 0xee))).toBe(true)
      const envelope = target.subarray(3)
      expect(v1.preambleLength(envelope)).toBe(preamble.length)
      expect(v1.bodyStart(envelope, preamble.length)).toBe(bodyAt - 3)
    }),
    { numRuns: 500 },
  )
})
