import { readFile } from 'node:fs/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { decryptConsumer } from '../../src/clients/kafkajs/index.js'
import { memoryConsumer } from '../../src/clients/kafkajs/testing/index.js'
import { EnvelopeError, errorCodes, isEnvelopeError, type ErrorCode } from '../../src/errors.js'
import type { Encryption, RotationConfig } from '../../src/index.js'
import { sealRecords } from '../../src/record/index.js'
import { message } from '../clients/kafkajs/consuming.js'
import { CANARY } from '../support/emissions.js'
import { memoryEncryption, type SeenEvent } from '../support/encryption.js'
import { MemoryKms } from '../support/memory-kms.js'

/* The table of faults in docs/failures.md: what it says about each failure of a KMS is compared with what happens. */

const read = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8')
const page = await read('docs/failures.md')
const rows = page
  .slice(page.indexOf('<!-- Faults'), page.indexOf('<!-- End of faults'))
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .slice(2)
  .map((line) => {
    const [fault = '', producers = '', consumers = '', seen = ''] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
    const codes = [...seen.matchAll(/`([A-Z_]+)`/g)].map(([, code = '']) => code)
    return { fault, producers, consumers, seen, codes }
  })

/** Codes with which a KMS, or the way to it, may fail without blaming a record. */
const OF_A_KMS = errorCodes().filter((code) => {
  const { kind } = new EnvelopeError(code, 'x')
  return /^(?:KMS|CMK)_/.test(code) && (kind === 'transient' || kind === 'unreadable')
})
/** The row about a failure in general comes before those about one cause of it. */
const rowOf = (code: string) => rows.find(({ codes }) => codes[0] === code)

const open: Encryption[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

const PATIENCE = { timeout: 20_000 }
const ROTATE = { maxMessages: 10, allowFrequentRotation: true } satisfies RotationConfig

async function owner(rotate: RotationConfig): Promise<{
  kms: MemoryKms
  events: SeenEvent[]
  encryption: Encryption
  seal: (count: number) => Promise<'sealed' | ErrorCode>
}> {
  const { encryption, kms, events } = await memoryEncryption(
    [{ match: ['t'], encrypt: { cmk: 'main', rotate }, decrypt: { cmk: 'main' } }],
    { kmsRetries: 0 },
  )
  open.push(encryption)
  const seal = async (count: number): Promise<'sealed' | ErrorCode> => {
    const records = Array.from({ length: count }, () => ({ topic: 't', value: CANARY }))
    try {
      await sealRecords(encryption, records)
      return 'sealed'
    } catch (error) {
      if (!isEnvelopeError(error)) throw error
      return error.code
    } finally {
      // Calls in the background end.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return { kms, events, encryption, seal }
}

/** What a producer does whose KMS begins to fail while its DEK is in use, in the words of the table. */
async function producerUnder(code: ErrorCode): Promise<string> {
  const outcomes: string[] = []
  for (const grace of ['1h', 0] as const) {
    const { kms, seal } = await owner({ ...ROTATE, grace })
    await seal(1)
    kms.failure = new EnvelopeError(code, 'away')
    // Past the point of prefetching.
    await seal(8)
    const [before, after] = [await seal(1), await seal(1)]
    outcomes.push(`${before}, ${after}`)
    kms.failure = undefined
    expect(await seal(1), 'once the KMS is back').toBe('sealed')
  }
  switch (outcomes.join(' / ')) {
    case `sealed, sealed / sealed, ${code}`:
      return 'seal on'
    case `sealed, ${code} / sealed, ${code}`:
      return 'seal to the limit'
    case `${code}, ${code} / ${code}, ${code}`:
      return 'end the DEK'
    default:
      return outcomes.join(' / ')
  }
}

/** What a consumer does with a record whose DEK it does not have, in the words of the table. */
async function consumerUnder(code: ErrorCode): Promise<string> {
  const { kms, encryption, events } = await owner({})
  const [sealed] = await sealRecords(encryption, [{ topic: 't', value: CANARY }])
  const inner = memoryConsumer()
  const delivered: string[] = []
  await decryptConsumer(inner, encryption).run({
    eachMessage: ({ message: { offset } }) => Promise.resolve(void delivered.push(offset)),
  })
  encryption.evict('cmk')
  kms.failure = new EnvelopeError(code, 'away')
  const stops: string[] = []
  const deliver = (): Promise<unknown> =>
    inner.deliver('t', [message(sealed?.value ?? null, 7)]).catch((error: unknown) => {
      stops.push(isEnvelopeError(error) && !error.retriable ? error.code : 'another error')
    })
  const delivery = deliver()
  const waits = () => events.flatMap((event) => (event.name === 'consumer.waiting' ? [event.code] : []))
  await vi.waitFor(() => {
    expect(stops.length + waits().length).toBeGreaterThan(0)
  }, PATIENCE)
  expect(delivered).toEqual([])
  expect(new Set([...stops, ...waits()])).toEqual(new Set([code]))
  if (stops.length > 0) return 'stop'
  expect(encryption.health()).toMatchObject({ status: 'degraded', waiting: [{ offset: '7', code }] })
  kms.failure = undefined
  await delivery
  if (delivered.length === 0) await deliver()
  expect([delivered, stops, encryption.health().status]).toEqual([['7'], [], 'ok'])
  return 'park'
}

describe('docs/failures.md', () => {
  it('docs/failures.md has a row for each failure of a KMS, and no code that does not exist', () => {
    expect(OF_A_KMS.filter((code) => rowOf(code) === undefined)).toEqual([])
    const known = new Set<string>(errorCodes())
    expect(rows.flatMap(({ codes }) => codes).filter((code) => !known.has(code))).toEqual([])
  })

  it.each(OF_A_KMS)('docs/failures.md says what producers do when a KMS fails with %s', async (code) => {
    expect(rowOf(code)?.producers.split(/[;:]/)[0]).toBe(await producerUnder(code))
  })

  it.each(OF_A_KMS)('docs/failures.md says what consumers do when a KMS fails with %s', async (code) => {
    expect(rowOf(code)?.consumers.split(/[;:]/)[0]).toBe(await consumerUnder(code))
  })

  it('docs/failures.md names alerts and events that exist', async () => {
    const [alerts, events] = [await read('docs/alerts.yml'), await read('docs/events.md')]
    const named = (pattern: RegExp): string[] => [...new Set(page.match(pattern))]
    expect(named(/KafkaEnvelope\w+/g).filter((name) => !alerts.includes(`alert: ${name}\n`))).toEqual([])
    const names = named(/`(?:dek|kms|consumer|record|batch|send)\.[a-z]\w*`/g)
    expect(names.length).toBeGreaterThan(0)
    expect(names.filter((name) => !events.includes(name))).toEqual([])
  })
})
