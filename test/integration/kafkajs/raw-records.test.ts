import { afterEach, expect, it } from 'vitest'
import type { DecryptRule } from '../../../src/index.js'
import { CANARY } from '../../support/emissions.js'
import { fixture, until, type Fixture } from '../support/pair.js'
import { sealRecords } from '../../../src/record/index.js'

const fixtures: Fixture[] = []

async function make(decrypt: Partial<DecryptRule> = {}): Promise<Fixture> {
  const made = await fixture('raw.record', { encrypt: { bindHeaders: ['type'] }, decrypt })
  fixtures.push(made)
  return made
}

afterEach(async () => {
  await Promise.all(fixtures.splice(0).map((made) => made.end()))
})

const named = (made: Fixture, name: string) => made.events.filter((event) => event.name === name)

/** A sealed record as it would be on the broker. */
async function sealed(
  made: Fixture,
  text: string,
): Promise<{ key: string; value: Buffer; headers: { type: string } }> {
  const record = { topic: made.topic, key: 'k', value: `${CANARY} ${text}`, headers: { type: 't' } }
  const [copy] = await sealRecords(made.encryption, [record])
  return { key: 'k', value: copy?.value ?? Buffer.alloc(0), headers: { type: 't' } }
}

function changed(value: Buffer, at: number): Buffer {
  const copy = Buffer.from(value)
  const index = at < 0 ? copy.length + at : at
  copy[index] = (copy[index] ?? 0) ^ 1
  return copy
}

async function read(made: Fixture, kind: string, seen: string[]): Promise<void> {
  const consumer = await made.consumer()
  const see = (values: readonly (Buffer | null)[]): Promise<void> => {
    seen.push(...values.map((value) => value?.toString() ?? 'null'))
    return Promise.resolve()
  }
  await consumer.run(
    kind === 'eachMessage'
      ? { eachMessage: ({ message }) => see([message.value]) }
      : { eachBatch: ({ batch }) => see(batch.messages.map(({ value }) => value)) },
  )
}

type Record = Awaited<ReturnType<typeof sealed>>
const INVALID: readonly { what: string; code: string; change: (record: Record) => object }[] = [
  {
    what: 'a changed body',
    code: 'AUTHENTICATION_FAILED',
    change: ({ value }) => ({ value: changed(value, -1) }),
  },
  { what: 'another key', code: 'AUTHENTICATION_FAILED', change: () => ({ key: 'other' }) },
  { what: 'no key', code: 'AUTHENTICATION_FAILED', change: () => ({ key: null }) },
  {
    what: 'a changed bound header',
    code: 'AUTHENTICATION_FAILED',
    change: () => ({ headers: { type: 'u' } }),
  },
  {
    what: 'a repeated bound header',
    code: 'AUTHENTICATION_FAILED',
    change: () => ({ headers: { type: ['t', 't'] } }),
  },
  { what: 'a removed bound header', code: 'AUTHENTICATION_FAILED', change: () => ({ headers: {} }) },
  {
    what: 'a truncated envelope',
    code: 'MALFORMED',
    change: ({ value }) => ({ value: value.subarray(0, -1) }),
  },
  {
    what: 'an extended envelope',
    code: 'MALFORMED',
    change: ({ value }) => ({ value: Buffer.concat([value, Buffer.of(0)]) }),
  },
  { what: 'an empty value', code: 'NOT_SEALED', change: () => ({ value: Buffer.alloc(0) }) },
]

it.each(INVALID)('$what stops the consumer before it with $code', async ({ code, change }) => {
  const made = await make()
  const record = await sealed(made, 'good')
  await made.plain.send({ topic: made.topic, messages: [record, { ...record, ...change(record) }, record] })
  const seen: string[] = []
  await read(made, 'eachBatch', seen)
  await until('consumer.stopped', () => named(made, 'consumer.stopped').length > 0)
  expect(named(made, 'consumer.stopped')).toMatchObject([{ code, offset: '1' }])
  expect(seen).toEqual([`${CANARY} good`])
  expect(await made.committed()).toBe('1')
})

it('under `skip` every kind of invalid record is left out, and all others are delivered', async () => {
  const made = await make({ onInvalid: 'skip' })
  const record = await sealed(made, 'good')
  const messages = INVALID.flatMap(({ change }) => [{ ...record, ...change(record) }, record])
  await made.plain.send({ topic: made.topic, messages })
  const seen: string[] = []
  await read(made, 'eachMessage', seen)
  await until('the end', async () => (await made.committed()) === String(messages.length))
  expect(seen).toEqual(INVALID.map(() => `${CANARY} good`))
  expect(named(made, 'record.rejected')).toMatchObject(INVALID.map(({ code }) => ({ code, action: 'skip' })))
})

it('a record moved here from another topic is refused', async () => {
  const [from, to] = [await make(), await make()]
  await to.plain.send({ topic: to.topic, messages: [await sealed(from, 'moved')] })
  const seen: string[] = []
  await read(to, 'eachMessage', seen)
  await until('consumer.stopped', () => named(to, 'consumer.stopped').length > 0)
  expect(named(to, 'consumer.stopped')).toMatchObject([{ code: 'WRONG_TOPIC', offset: '0' }])
  expect(seen).toEqual([])
  expect(Number(await to.committed())).toBeLessThanOrEqual(0)
})

it.each(['eachMessage', 'eachBatch'])(
  'an unreadable record is never skipped in %s: the offset stays there, and a restart continues exactly there',
  async (kind) => {
    const made = await make({ onInvalid: 'skip' })
    const record = await sealed(made, 'good')
    // The fingerprint of a format that a later version may know.
    const later = { ...record, value: changed(record.value, 5) }
    await made.plain.send({ topic: made.topic, messages: [record, later, record] })
    for (const round of [1, 2]) {
      const seen: string[] = []
      await read(made, kind, seen)
      await until('consumer.stopped', () => named(made, 'consumer.stopped').length === round)
      expect(named(made, 'consumer.stopped').at(-1)).toMatchObject({ code: 'UNKNOWN_FORMAT', offset: '1' })
      expect(seen).toEqual(round === 1 ? [`${CANARY} good`] : [])
      expect(await made.committed()).toBe('1')
    }
    expect(made.encryption.health().status).toBe('failed')
  },
)
