import type { Producer } from 'kafkajs'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Encryption } from '../../../src/index.js'
import {
  startTencentKmsEmulator,
  type EmulatorKey,
  type TencentKmsEmulator,
} from '../../../packages/tencent-kms-emulator/src/index.js'
import { newTopic, testKafka } from '../../support/broker.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { parts } from '../../support/sealed.js'
import { groupsReady } from '../support/groups.js'
import { standingOn } from '../support/letters.js'
import { until } from '../support/pair.js'
import { callsBy, identity, sealer, startReader, type Place, type Reader } from '../support/tencent.js'
import { encryptProducer } from '../../../src/clients/kafkajs/index.js'

const REQUEST_TIMEOUT_MS = 500
const REQUEST_TIMEOUT = '500ms'
/** A call to a KMS and its two repetitions. */
const ATTEMPTS = 3

const producing = identity('producer', 'GenerateDataKey', 'Encrypt')
const reading = identity('reader', 'Decrypt')
const kafka = testKafka()
const ends: (() => Promise<unknown>)[] = []
let near: TencentKmsEmulator
let far: TencentKmsEmulator
let topic = ''
let place: Place
let encryption: Encryption
let producer: Producer

beforeAll(groupsReady)
beforeEach(async () => {
  topic = await newTopic('tencent.regions')
  const start = (region: string) =>
    startTencentKmsEmulator({ credentials: [producing, reading], keys: [{ alias: 'orders', region }] })
  near = await start('ap-guangzhou')
  far = await start('ap-shanghai')
  const id = (kms: TencentKmsEmulator): string => {
    const [{ region, keyId }] = kms.keys() as [EmulatorKey]
    return `${region}/${keyId}`
  }
  place = {
    kms: {
      near: { endpoint: near.url, requestTimeout: REQUEST_TIMEOUT },
      far: { endpoint: far.url, requestTimeout: REQUEST_TIMEOUT },
    },
    cmks: [
      { kms: 'near', id: id(near) },
      { kms: 'far', id: id(far) },
    ],
  }
  encryption = await sealer(topic, place, producing)
  producer = encryptProducer(kafka.producer(), encryption)
  await producer.connect()
  ends.push(
    () => near.close(),
    () => far.close(),
    () => encryption.close(),
    () => producer.disconnect(),
  )
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const values = (count: number): string[] => Array.from({ length: count }, (_, i) => `${CANARY} ${String(i)}`)
const send = (n: number) => producer.send({ topic, messages: [{ value: `${CANARY} ${String(n)}` }] })

function reader(): Reader {
  const made = startReader(place, reading, { topic, groupId: topic })
  ends.push(() => made.end())
  made.run()
  return made
}

async function delivery(there: Reader, count: number): Promise<void> {
  await until('delivery', () => there.delivered.length >= count || there.fatal.length > 0)
  expect(there.delivered.map(({ value }) => value)).toEqual(values(count))
  expect([there.fatal, there.failed]).toEqual([[], []])
}

it.each(['near', 'far'] as const)(
  'with the %s region refusing connections, readers start and read; sealing continues with the current DEK, and no new one is made',
  async (which) => {
    await send(0)
    const sealed = parts((await standingOn(topic))[0]?.value ?? null)
    expect(sealed.wrappedDeks.map(({ cmkId }) => cmkId)).toEqual(place.cmks.map(({ id }) => id))

    const [down, up] = which === 'near' ? [near, far] : [far, near]
    await down.close()
    await send(1)
    expect(await thrownBy(() => encryption.rotate())).toMatchObject({ code: 'KMS_UNAVAILABLE' })
    expect(await thrownBy(() => send(9))).toMatchObject({ code: 'KMS_UNAVAILABLE', kind: 'transient' })

    await delivery(reader(), 2)
    expect(callsBy(up, reading)).toEqual({ Decrypt: 1 })
  },
)

it('a nearest region that hangs delays only the first DEK: after that it is asked last for a while', async () => {
  await send(0)
  near.faults.inject({ kind: 'stall', when: 'before-headers', action: 'Decrypt', times: Infinity })
  const started = performance.now()
  const there = reader()
  await delivery(there, 1)
  expect(callsBy(near, reading)).toEqual({ Decrypt: ATTEMPTS })
  const [asked, answered] = there.calls.filter(({ operation }) => operation === 'unwrap')
  expect(asked).toMatchObject({ kms: 'near', outcome: 'failed', code: 'KMS_TIMEOUT' })
  expect(asked?.durationMs).toBeGreaterThanOrEqual(ATTEMPTS * REQUEST_TIMEOUT_MS - 50)
  // The attempts, their pauses of up to 600 ms, and what a busy machine adds; far under a hang.
  expect(asked?.durationMs).toBeLessThan(ATTEMPTS * REQUEST_TIMEOUT_MS + 600 + 3000)
  expect(answered).toMatchObject({ kms: 'far', outcome: 'ok' })
  expect(performance.now() - started).toBeLessThan(20_000)

  for (let n = 1; n < 4; n++) {
    await encryption.rotate()
    await send(n)
  }
  await delivery(there, 4)
  expect(callsBy(near, reading)).toEqual({ Decrypt: ATTEMPTS })
  expect(callsBy(far, reading)).toEqual({ Decrypt: 4 })
})

it('a region that hangs stops new DEKs within kmsTimeout, and nothing is sent; when it answers, sending continues', async () => {
  await send(0)
  far.faults.inject({ kind: 'stall', when: 'in-body', times: Infinity })
  const started = performance.now()
  expect(await thrownBy(() => encryption.rotate())).toMatchObject({ code: 'KMS_TIMEOUT' })
  expect(performance.now() - started).toBeLessThan(10_000)
  expect(await thrownBy(() => send(9))).toMatchObject({ code: 'KMS_TIMEOUT', kind: 'transient' })
  far.faults.clear()
  await send(1)
  await delivery(reader(), 2)
})
