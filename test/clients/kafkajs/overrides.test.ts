import type { Consumer } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { nextTurn, systemClock } from '../../../src/clock.js'
import { decryptConsumer } from '../../../src/clients/kafkajs/index.js'
import type { Encryption, Override } from '../../../src/index.js'
import { sealRecords } from '../../../src/record/index.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption, type SeenEvent } from '../../support/encryption.js'
import { consume, message } from './consuming.js'

const UNTIL = new Date(systemClock.wallMs() + 3_600_000).toISOString()
const ENTRY: Override = {
  ...{ topic: 't', partition: 0, offset: '1', code: 'AUTHENTICATION_FAILED', action: 'skip' },
  ...{ until: UNTIL, by: 'ops', why: 'INC-42' },
}
const { topic, partition, offset, code, by, why } = ENTRY
const CONFIGURED = { rule: 't', topic, partition, offset, code, until: UNTIL, by, why, state: 'active' }

async function consuming(override: Partial<Override>): Promise<
  Awaited<ReturnType<typeof consume>> & {
    good: Buffer
    tampered: Buffer
    encryption: Encryption
    events: SeenEvent[]
  }
> {
  const { encryption, events } = await memoryEncryption(
    [{ match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } }],
    { overrides: [{ ...ENTRY, ...override }] },
  )
  // `createEncryption` emits its first events then.
  await nextTurn()
  const [sealed] = await sealRecords(encryption, [{ topic: 't', value: CANARY }])
  const good = sealed?.value as Buffer
  const tampered = Buffer.from(good)
  tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1
  return { ...(await consume(encryption)), good, tampered, encryption, events }
}

describe('a wrapped consumer with an override', () => {
  it('a wrapped consumer with an override skips the record, delivers the next one, and shows what it did', async () => {
    const { batch, good, tampered, delivered, encryption, events } = await consuming({})
    await batch([message(good, 0), message(tampered, 1), message(good, 2)])
    expect(delivered).toEqual(['0', '2'])
    const skipped = { ...CONFIGURED, action: 'skip' }
    expect(events.filter(({ name }) => name === 'record.rejected' || name.startsWith('override'))).toEqual([
      { name: 'override.configured', ...skipped },
      { name: 'record.rejected', rule: 't', topic, partition, offset, code, kind: 'invalid', action: 'skip' },
      { name: 'override.used', ...skipped },
    ])
    expect(encryption.health()).toMatchObject({
      status: 'ok',
      overrides: [{ ...skipped, used: 1, lastUsedMs: expect.any(Number) as number }],
    })
    // A copy at the next offset is not let through.
    expect(await thrownBy(() => batch([message(good, 3), message(tampered, 4)]))).toMatchObject({
      code,
      position: { offset: '4' },
    })
  })

  it('a wrapped consumer with an override writes the dead letter once, with a header that says so', async () => {
    const { batch, good, tampered, published, delivered, letters, encryption } = await consuming({
      action: { deadLetter: 'dead' },
    })
    const forged = message(tampered, 1)
    forged.headers = { 'kafka-envelope.override': 'of the attacker' }
    await batch([forged, message(good, 2)])
    expect(delivered).toEqual(['2'])
    expect(letters).toEqual([{ topic: 'dead', offset: '1' }])
    expect(published[0]).toMatchObject({
      value: tampered,
      headers: { 'kafka-envelope.override': 'true', 'kafka-envelope.error': code },
    })
    expect(encryption.health().overrides).toMatchObject([
      { action: 'deadLetter', deadLetter: 'dead', used: 1 },
    ])
  })

  it('a wrapped consumer with an override stops at its record if that fails in another way, and delivers it if it opens', async () => {
    const { batch, good, delivered, encryption } = await consuming({})
    expect(await thrownBy(() => batch([message(Buffer.from('plaintext'), 1)]))).toMatchObject({
      code: 'NOT_SEALED',
      position: { offset: '1' },
    })
    await batch([message(good, 1)])
    expect(delivered).toEqual(['1'])
    expect(encryption.health().overrides).toMatchObject([{ used: 0 }])
  })

  it('a wrapped consumer with an override that has ended stops, and says at its start that it has ended', async () => {
    const until = '2026-01-01T00:00:00Z'
    const { batch, tampered, encryption, events } = await consuming({ until })
    expect(await thrownBy(() => batch([message(tampered, 1)]))).toMatchObject({ code })
    expect(events.find(({ name }) => name === 'override.configured')).toMatchObject({
      until,
      state: 'expired',
    })
    expect(encryption.health().overrides).toMatchObject([{ until, state: 'expired', used: 0 }])
  })

  it('a wrapped consumer needs `deadLetters` for an override that sends one, before it reads anything', async () => {
    const { encryption } = await consuming({ action: { deadLetter: 'dead' } })
    const inner = { events: {}, on: () => () => undefined, run: () => undefined, subscribe: () => undefined }
    const consumer = decryptConsumer(inner as unknown as Consumer, encryption)
    for (const subscription of ['t', /t/])
      await expect(consumer.subscribe({ topic: subscription })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      })
  })
})
