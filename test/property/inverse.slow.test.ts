import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openRecords, sealRecords } from '../../src/record/index.js'
import { CANARY } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'
import { DICTIONARIES, asRead, cmkIds, encryptRule, plain, ruleOf, type Plain } from './records.js'

const tombstone = fc.record({ topic: fc.constant('t.a'), key: fc.constant('k'), value: fc.constant(null) })

/** As one character for each byte: strings compare fast. */
const text = (value: Buffer | string): string => Buffer.from(value as string).toString('latin1')

describe('opening inverts sealing', () => {
  it('opening inverts sealing for all values, keys and headers, under all rules, in batches, in the forms of writer and reader', async () => {
    const batch = fc.array(fc.oneof({ weight: 9, arbitrary: plain }, tombstone), { maxLength: 10 })
    const sizes = new Set<number>()
    await fc.assert(
      fc.asyncProperty(encryptRule, cmkIds, batch, async (encrypt, ids, records) => {
        const cmks = { main: ids.map((id) => ({ kms: 'memory', id })) }
        const { encryption } = await memoryEncryption([ruleOf(encrypt)], { cmks, dictionaries: DICTIONARIES })
        const sealed = await sealRecords(encryption, records)
        const read = sealed.map(({ value }, i) => asRead(records[i] as Plain, value))
        const expected = records.map(({ value }) => value && text(value))
        for (const [i, { value, ...rest }] of sealed.entries()) {
          // Everything except the value is unchanged, and no part of the value is readable.
          const { value: _, ...given } = records[i] as Plain
          expect(rest).toStrictEqual({ ...given })
          expect(value?.includes(CANARY) ?? false).toBe(false)
          sizes.add(value?.length ?? 0)
        }
        for (const shape of [sealed, read]) {
          const opened = await openRecords(encryption, shape)
          expect(opened.map(({ value, error }) => error?.code ?? (value && text(value)))).toEqual(expected)
        }
        await encryption.close()
      }),
      { numRuns: 150 },
    )
    expect(sizes.size).toBeGreaterThan(50)
  })
})
