import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { accepted } from './agreement.js'
import { nearEnvelope } from './near-valid.js'

describe('the decoder accepts exactly the canonical form', () => {
  it('the decoder accepts exactly the values that a stock Avro library reads and writes again byte for byte, within the bounds', () => {
    const counts = { accepted: 0, refused: 0 }
    fc.assert(
      fc.property(nearEnvelope, (bytes) => {
        counts[accepted(bytes) ? 'accepted' : 'refused']++
      }),
      { numRuns: 6000 },
    )
    // Both happen often, or the law would say little.
    expect(Math.min(counts.accepted, counts.refused)).toBeGreaterThan(600)
  })
})
