import { afterEach, beforeAll, expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import type { RejectionHandler } from '../../../src/index.js'
import { CANARY } from '../../support/emissions.js'
import { groupsReady } from '../support/groups.js'
import { noting, writeMixed } from '../support/letters.js'
import { fixture, until, type Fixture } from '../support/pair.js'

const made: Fixture[] = []

beforeAll(groupsReady)
afterEach(async () => {
  await Promise.all(made.splice(0).map((each) => each.end()))
})

it.each(['eachMessage', 'eachBatch'] as const)(
  'a function that decides is not asked about a record that waits for its KMS, and cannot pass it (%s)',
  async (kind) => {
    const asked: string[] = []
    const decide: RejectionHandler = async ({ offset, value }, { code }) => {
      asked.push(`${offset} ${code} ${String(value?.includes(CANARY))}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
      return 'skip' as const
    }
    const on = await fixture('raw.deciding', {
      encrypt: { rotate: { maxMessages: 1, allowFrequentRotation: true } },
      decrypt: { onInvalid: decide, onUnreadable: decide },
    })
    made.push(on)
    await writeMixed(on, 4, [0, 2])
    on.encryption.evict('cmk')
    on.kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'down')
    const seen: number[] = []
    const consumer = await on.consumer()
    await consumer.run(noting(kind, seen))
    await until('the wait', () => on.encryption.health().waiting.length > 0)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    // Only about the record before it, if at all.
    expect(asked.filter((one) => one !== '0 NOT_SEALED true')).toEqual([])
    expect(seen).toEqual([])
    expect(Number(await on.committed())).toBeLessThanOrEqual(1)

    on.kms.failure = undefined
    await until('delivery', async () => (await on.committed()) === '4')
    expect(seen).toEqual([1, 3])
    expect(new Set(asked)).toEqual(new Set(['0 NOT_SEALED true', '2 NOT_SEALED true']))
  },
)
