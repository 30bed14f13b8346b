import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../src/errors.js'
import type { Health, Override } from '../../src/index.js'
import { instrument } from '../../src/opentelemetry/index.js'
import { owner, settle, type Owner, type OwnerOptions } from '../keys/owner.js'
import { CANARY } from '../support/emissions.js'
import { consume, message } from '../clients/kafkajs/consuming.js'
import { FakeClock } from '../support/fake-clock.js'
import { telemetry, type Telemetry } from '../support/telemetry.js'
import { internalsOf } from '../../src/record/internals.js'
import { openRecords, sealRecords } from '../../src/record/index.js'

const away = new EnvelopeError('KMS_UNAVAILABLE', 'away')

let seen: Telemetry
let end: () => void

beforeEach(() => {
  seen = telemetry()
})
afterEach(() => seen.end())

async function instrumented(options: OwnerOptions = {}): Promise<Owner> {
  const made = await owner(options)
  end = instrument(made.encryption, seen)
  return made
}

async function open(
  { encryption }: Owner,
  values: readonly (Buffer | null)[],
  topic = 't',
): Promise<(string | undefined)[]> {
  const opened = await openRecords(
    encryption,
    values.map((value) => ({ topic, value })),
  )
  return opened.map(({ error }) => error?.code)
}

describe('records and bytes', () => {
  it.each(['none', 'gzip'] as const)(
    'sealed and opened records and bytes count by topic and rule, with the sizes of the application (compression: %s)',
    async (compression) => {
      const made = await instrumented({ encrypt: { compression } })
      const sealed = await made.seal(3, 't', 500)
      await made.seal(2, 'u', 100)
      await open(made, sealed)
      const t = { 'messaging.destination.name': 't', 'kafka_envelope.rule': 't', 'messaging.system': 'kafka' }
      expect(await seen.value('kafka_envelope.sealed.records', t)).toBe(3)
      expect(await seen.value('kafka_envelope.sealed.bytes', t)).toBe(1500)
      expect(await seen.value('kafka_envelope.opened.records', t)).toBe(3)
      expect(await seen.value('kafka_envelope.opened.bytes', t)).toBe(1500)
      await made.seal(1, 'u', 100)
      const u = { 'messaging.destination.name': 'u' }
      expect(await seen.value('kafka_envelope.sealed.records', u)).toBe(3)
      expect(await seen.value('kafka_envelope.sealed.bytes', u)).toBe(300)
      expect(await seen.value('kafka_envelope.opened.records', u)).toBeUndefined()
    },
  )

  it('only sealed records that opened count as opened, and only records sealed here count as sealed', async () => {
    const made = await instrumented({ encrypt: { passSealed: true } })
    const [envelope = null] = await made.seal(1)
    await sealRecords(made.encryption, [
      { topic: 't', value: null },
      { topic: 't', value: envelope },
    ])
    expect(await seen.value('kafka_envelope.sealed.records')).toBe(1)
    const plaintext = Buffer.from(CANARY)
    expect(await open(made, [envelope, null, plaintext])).toEqual([undefined, undefined, 'NOT_SEALED'])
    expect(await seen.value('kafka_envelope.opened.records')).toBe(1)
  })

  it('envelopes that pass unchanged, and plaintext that a rule still allows, count on instruments of their own', async () => {
    const made = await instrumented({
      config: {
        topics: [
          {
            match: ['t'],
            encrypt: { cmk: 'main', passSealed: true },
            decrypt: { cmk: 'main', plaintext: { untilOffsets: { t: { 0: '5' } } } },
          },
        ],
      },
    })
    const [envelope = null] = await made.seal(1)
    await sealRecords(made.encryption, [{ topic: 't', value: envelope }])
    const read = (offset: string) => ({ topic: 't', partition: 0, offset, value: Buffer.from(CANARY) })
    await openRecords(made.encryption, [read('3'), read('4'), read('5')])
    const t = { 'messaging.destination.name': 't', 'kafka_envelope.rule': 't', 'messaging.system': 'kafka' }
    expect(await seen.value('kafka_envelope.passed.records', t)).toBe(1)
    expect(await seen.value('kafka_envelope.plaintext.records', t)).toBe(2)
    expect(await seen.value('kafka_envelope.opened.records')).toBeUndefined()
    end()
  })

  it('a batch that crosses a limit of rotation counts once', async () => {
    const made = await instrumented({ encrypt: { rotate: { maxMessages: 2, allowFrequentRotation: true } } })
    await made.seal(5)
    expect(made.named('batch.sealed')).toMatchObject([{ messages: 5 }])
    expect(await seen.value('kafka_envelope.sealed.records')).toBe(5)
  })
})

describe('overrides', () => {
  it('overrides are counted by whether they have ended, and so are the records that they let pass', async () => {
    const until = (ms: number) => new Date(new FakeClock().wallMs() + ms).toISOString()
    const entry: Omit<Override, 'offset' | 'until'> = {
      ...{ topic: 't', partition: 0, code: 'NOT_SEALED', action: 'skip' },
      ...{ by: 'ops', why: 'INC-42' },
    }
    const { encryption, clock } = await instrumented({
      config: {
        overrides: [
          { ...entry, offset: '1', until: until(1000) },
          { ...entry, offset: '2', until: until(5000) },
        ],
      },
    })
    const count = (state: string) =>
      seen.value('kafka_envelope.override.count', {
        'messaging.destination.name': 't',
        'kafka_envelope.rule': 't',
        'kafka_envelope.override.state': state,
      })
    expect(await count('active')).toBe(2)
    clock.advance(1000)
    expect([await count('active'), await count('expired')]).toEqual([1, 1])
    const { batch } = await consume(encryption)
    await batch([message(Buffer.from(CANARY), 2)])
    expect(
      await seen.value('kafka_envelope.override.records', {
        'messaging.destination.name': 't',
        'error.type': 'NOT_SEALED',
        'kafka_envelope.action': 'skip',
      }),
    ).toBe(1)
    end()
    expect([await count('active'), await count('expired')]).toEqual([0, 0])
  })
})

describe('keys', () => {
  it('DEKs are counted by state: current, next, in a grace, opened', async () => {
    const made = await instrumented({
      encrypt: { rotate: { maxAge: '100s', prefetch: '10s', grace: '1h' } },
    })
    const deks = async (): Promise<(number | undefined)[]> =>
      Promise.all(
        ['ready', 'next', 'grace', 'opened'].map((state) =>
          seen.value('kafka_envelope.dek.count', { 'kafka_envelope.dek.state': state }),
        ),
      )
    const { clock, kms, encryption } = made
    await open(made, await made.seal(1))
    expect(await deks()).toEqual([1, 0, 0, 1])
    clock.advance(99_000)
    await settle()
    expect(await deks()).toEqual([1, 1, 0, 1])
    clock.advance(1000)
    await made.seal(1)
    expect(await deks()).toEqual([1, 0, 0, 1])
    kms.failure = away
    clock.advance(100_000)
    await settle()
    await made.seal(1)
    expect(await deks()).toEqual([0, 0, 1, 1])
    encryption.evict('cmk')
    expect(await deks()).toEqual([0, 0, 0, 0])
    expect(await seen.value('kafka_envelope.dek.created', { 'kafka_envelope.dek.origin': 'made' })).toBe(2)
    for (const reason of ['age', 'evicted']) {
      expect(
        await seen.value('kafka_envelope.dek.retired', { 'kafka_envelope.dek.retire_reason': reason }),
      ).toBe(1)
    }
    for (const [side, count] of [
      ['sealing', 2],
      ['opening', 1],
    ] as const) {
      const labels = { 'kafka_envelope.side': side, 'kafka_envelope.cmk.id': 'cmk' }
      expect(await seen.value('kafka_envelope.dek.destroyed', labels)).toBe(count)
    }
  })

  it('the time to the next rotation falls and restarts; of several DEKs of a rule, the first to rotate counts', async () => {
    const made = await instrumented({ encrypt: { rotate: { maxAge: '100s' }, dekScope: 'topic' } })
    const left = (): Promise<number | undefined> =>
      seen.value('kafka_envelope.dek.time_to_rotation', { 'kafka_envelope.rule': 't' })
    expect(await left()).toBeUndefined()
    await made.seal(1, 't')
    made.clock.advance(30_000)
    await made.seal(1, 'u')
    expect(await left()).toBe(70)
    made.clock.advance(70_000)
    expect(await left()).toBe(30)
    await made.encryption.rotate()
    expect(await left()).toBe(100)
    made.encryption.evict('cmk')
    expect(await left()).toBe(0)
  })

  it('metrics of a grace show its start and reason, its duration, and the records sealed in it', async () => {
    const made = await instrumented({
      encrypt: { rotate: { maxAge: '100s', prefetch: 0, grace: '1h' } },
    })
    const left = (): Promise<number | undefined> =>
      seen.value('kafka_envelope.grace.time_left', { 'kafka_envelope.rule': 't' })
    await made.seal(1)
    expect(await left()).toBe(0)
    made.kms.failure = away
    made.clock.advance(100_000)
    await settle()
    await made.seal(4)
    made.clock.advance(600_000)
    expect(await left()).toBe(3000)
    expect(
      await seen.value('kafka_envelope.grace.started', {
        'kafka_envelope.rule': 't',
        'kafka_envelope.limit': 'age',
        'error.type': 'KMS_UNAVAILABLE',
      }),
    ).toBe(1)
    made.encryption.evict('cmk')
    expect(await left()).toBe(0)
    expect(await seen.value('kafka_envelope.grace.records', { 'kafka_envelope.limit': 'age' })).toBe(4)
  })

  it('waits for a DEK are counted with their time, failed ones by code', async () => {
    const made = await instrumented()
    made.kms.hold = true
    const sealing = made.seal(1)
    await made.kms.waitForHeld()
    made.clock.advance(30)
    made.kms.held[0]?.succeed()
    await sealing
    const [, seconds] =
      /^kafka_envelope_dek_wait_duration_sum\{.*\} (.*)$/m.exec(await seen.exposition()) ?? []
    expect(Number(seconds)).toBeCloseTo(0.03, 6)
    made.kms.hold = false
    made.kms.failure = away
    made.encryption.evict('cmk')
    await expect(made.seal(1)).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' })
    expect(await seen.value('kafka_envelope.dek.wait.duration')).toBe(2)
    expect(await seen.value('kafka_envelope.dek.wait.duration', { 'error.type': 'KMS_UNAVAILABLE' })).toBe(1)
  })

  it('hits and misses of opening keys count by session and batch', async () => {
    const made = await instrumented({ encrypt: { rotate: { maxMessages: 2, allowFrequentRotation: true } } })
    const lookups = async (): Promise<(number | undefined)[]> =>
      Promise.all(
        ['hit', 'miss'].map((result) =>
          seen.value('kafka_envelope.key.lookups', { 'kafka_envelope.key.lookup': result }),
        ),
      )
    const sealed = await made.seal(4)
    expect(await lookups()).toEqual([0, 0])
    await open(made, sealed)
    expect(await lookups()).toEqual([0, 2])
    await open(made, sealed)
    await open(made, sealed.slice(0, 1))
    expect(await lookups()).toEqual([3, 2])
  })
})

it('failures of an audit log are counted by reason', async () => {
  const { encryption } = await instrumented()
  const failure = { file: '/logs/audit.jsonl', reason: 'ENOSPC', waiting: 3, lost: 0 }
  internalsOf(encryption, 'the test').events.emit('audit.failed', failure)
  expect(await seen.value('kafka_envelope.audit.failures', { 'error.type': 'ENOSPC' })).toBe(1)
})

describe('processes', () => {
  it('processes report when they started, always with the same value', async () => {
    await instrumented()
    const started = await seen.value('kafka_envelope.process.start_time')
    expect(started).toBeCloseTo(Date.now() / 1000 - process.uptime(), -1)
    await instrumented()
    expect(await seen.value('kafka_envelope.process.start_time')).toBe(started)
  })

  it('processes count the rules that name a CMK before any key was needed, and none after the end', async () => {
    await instrumented()
    const rules = (side: string): Promise<number | undefined> =>
      seen.value('kafka_envelope.cmk.rules', {
        'kafka_envelope.kms.name': 'memory',
        'kafka_envelope.cmk.id': 'cmk',
        'kafka_envelope.side': side,
      })
    expect(await seen.value('kafka_envelope.kms.call.duration')).toBeUndefined()
    expect([await rules('sealing'), await rules('opening')]).toEqual([1, 1])
    end()
    expect([await rules('sealing'), await rules('opening')]).toEqual([0, 0])
  })
})

it('records that hold up consumers are counted by topic and code while they wait', async () => {
  const { encryption } = await owner()
  const wait = { topic: 't', partition: 0, offset: '7', code: 'KMS_TIMEOUT', waitedMs: 5 } as const
  let waiting: Health['waiting'] = []
  end = instrument({ ...encryption, health: () => ({ ...encryption.health(), waiting }) }, seen)
  const count = (): Promise<number | undefined> => seen.value('kafka_envelope.consumer.waiting')
  expect(await count()).toBe(0)
  waiting = [wait, { ...wait, partition: 1 }]
  const labels = { 'messaging.destination.name': 't', 'error.type': 'KMS_TIMEOUT' }
  expect(await seen.value('kafka_envelope.consumer.waiting', labels)).toBe(2)
  waiting = [wait]
  expect(await count()).toBe(1)
  waiting = []
  expect(await count()).toBe(0)
})

describe('calls to a KMS', () => {
  it('calls to a KMS count with their latency by KMS, CMK and operation, failures by code', async () => {
    const made = await instrumented()
    await open(made, await made.seal(1))
    made.kms.failure = new EnvelopeError('KMS_DENIED', 'no')
    await expect(made.encryption.rotate()).rejects.toMatchObject({ code: 'KMS_DENIED' })
    const calls = (operation: string, more: Record<string, string> = {}): Promise<number | undefined> =>
      seen.value('kafka_envelope.kms.call.duration', {
        'kafka_envelope.kms.name': 'memory',
        'kafka_envelope.cmk.id': 'cmk',
        'kafka_envelope.operation': operation,
        ...more,
      })
    expect(await calls('generate')).toBe(2)
    expect(await calls('generate', { 'error.type': 'KMS_DENIED' })).toBe(1)
    expect(await calls('unwrap')).toBe(1)
    expect(await calls('unwrap', { 'error.type': 'KMS_DENIED' })).toBeUndefined()
  })
})

describe('the function that instrument() returns', () => {
  it('the function that instrument() returns ends it: counts are complete, states are back at 0, and nothing more is counted or computed', async () => {
    const made = await instrumented()
    await open(made, await made.seal(3))
    expect(await seen.value('kafka_envelope.dek.count')).toBe(2)
    end()
    end()
    await made.seal(5)
    await made.encryption.rotate()
    expect(await seen.value('kafka_envelope.sealed.records')).toBe(3)
    expect(await seen.value('kafka_envelope.opened.records')).toBe(3)
    expect(await seen.value('kafka_envelope.key.lookups')).toBe(1)
    expect(await seen.value('kafka_envelope.dek.count')).toBe(0)
    expect(await seen.value('kafka_envelope.dek.created')).toBe(1)
    expect(await seen.value('kafka_envelope.kms.call.duration')).toBe(2)
    expect(seen.spans()).toHaveLength(2)
  })

  it('with several owners, the function that instrument() returns ends one of them; counts and states of all add up', async () => {
    const one = await instrumented()
    const endOne = end
    const two = await instrumented()
    await one.seal(1)
    await two.seal(2)
    expect(await seen.value('kafka_envelope.sealed.records')).toBe(3)
    expect(await seen.value('kafka_envelope.dek.count')).toBe(2)
    endOne()
    await one.seal(10)
    await two.seal(1)
    expect(await seen.value('kafka_envelope.sealed.records')).toBe(4)
    expect(await seen.value('kafka_envelope.dek.count')).toBe(1)
  })
})
