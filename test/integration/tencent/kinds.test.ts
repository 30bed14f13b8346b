import type { Producer } from 'kafkajs'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Encryption } from '../../../src/index.js'
import type { TencentCmkOptions } from '../../../src/kms/tencent/index.js'
import {
  startTencentKmsEmulator,
  type CmkUsage,
  type EmulatorCredential,
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
import { sealRecords } from '../../../src/record/index.js'
import { encryptProducer } from '../../../src/clients/kafkajs/index.js'

interface Kind {
  readonly name: string
  readonly usage: CmkUsage
  readonly options: (publicKey: string) => TencentCmkOptions
  /** The action that a producer may do, and does for each DEK; none if it needs no KMS. */
  readonly seals?: string
  readonly opens: string
  readonly provider: string
  /** The code that stops a reader of a disabled CMK. */
  readonly disabled: string
}

const SYMMETRIC = {
  usage: 'ENCRYPT_DECRYPT',
  opens: 'Decrypt',
  provider: 'tencent-kms',
  disabled: 'CMK_DISABLED',
} as const
const RSA = {
  usage: 'ASYMMETRIC_DECRYPT_RSA_2048',
  opens: 'AsymmetricRsaDecrypt',
  provider: 'tencent-kms/rsa-oaep-sha256',
  // Of asymmetric CMKs KMS does not tell the state.
  disabled: 'CMK_UNUSABLE',
} as const
const GENERATED: Kind = {
  ...SYMMETRIC,
  name: 'symmetric, DEKs by GenerateDataKey',
  options: () => ({ type: 'symmetric' }),
  seals: 'GenerateDataKey',
}
const FETCHED: Kind = {
  ...RSA,
  name: 'RSA, its public key from KMS',
  options: () => ({ type: 'rsa-2048' }),
  seals: 'GetPublicKey',
}
const KINDS: readonly Kind[] = [
  GENERATED,
  {
    ...SYMMETRIC,
    name: 'symmetric, DEKs by Encrypt',
    options: () => ({ type: 'symmetric', dek: 'encrypt' }),
    seals: 'Encrypt',
  },
  FETCHED,
  { ...RSA, name: 'RSA, its public key pinned', options: (publicKey) => ({ type: 'rsa-2048', publicKey }) },
]

const kafka = testKafka()
const ends: (() => Promise<unknown>)[] = []
let kms: TencentKmsEmulator
let cmk: EmulatorKey
let topic = ''
let place: Place
let producing: EmulatorCredential | undefined
let reading: EmulatorCredential
let encryption: Encryption
let producer: Producer

beforeAll(groupsReady)
beforeEach(async () => {
  topic = await newTopic('tencent')
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** A CMK of a kind, a producer that may only seal under it, and an identity that may only read. */
async function stage({ usage, options, seals, opens }: Kind): Promise<void> {
  producing = seals === undefined ? undefined : identity('producer', seals)
  reading = identity('reader', opens)
  kms = await startTencentKmsEmulator({
    keys: [{ alias: 'orders', usage }],
    credentials: [reading, identity('denied', 'DescribeKey'), ...(producing ? [producing] : [])],
  })
  ends.push(() => kms.close())
  ;[cmk] = kms.keys() as [EmulatorKey]
  const id = `${cmk.region}/${cmk.keyId}`
  place = {
    kms: { tencent: { endpoint: kms.url, cmks: { [id]: options(cmk.publicKey ?? '') } } },
    cmks: [{ kms: 'tencent', id }],
  }
  encryption = await sealer(topic, place, producing)
  producer = encryptProducer(kafka.producer(), encryption)
  await producer.connect()
  ends.push(
    () => encryption.close(),
    () => producer.disconnect(),
  )
}

function reader(credential = reading): Reader {
  const accepts = cmk.usage === 'ASYMMETRIC_DECRYPT_RSA_2048'
  const made = startReader(place, credential, { topic, groupId: topic, acceptPublicKeySealing: accepts })
  ends.push(() => made.end())
  made.run()
  return made
}

const values = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${CANARY} ${String(from + i)}`)
const messages = (from: number, count: number) => values(from, count).map((value) => ({ key: 'k', value }))
const send = (from: number, count: number) => producer.send({ topic, messages: messages(from, count) })

async function committed(): Promise<string | undefined> {
  const admin = kafka.admin()
  await admin.connect()
  const [offsets] = await admin.fetchOffsets({ groupId: topic, topics: [topic] })
  await admin.disconnect()
  return offsets?.partitions[0]?.offset
}

describe.each(KINDS)('$name', (kind) => {
  it('a process that may only seal produces, and another process that may only open consumes', async () => {
    await stage(kind)
    await send(0, 3)
    // A new DEK, and a new version of the CMK if it has versions.
    if (kind.usage === 'ENCRYPT_DECRYPT') kms.rotateKey(cmk.keyId)
    await encryption.rotate()
    await send(3, 3)

    const there = reader()
    await until('delivery', () => there.delivered.length >= 6 || there.fatal.length > 0)
    expect(there.delivered.map(({ value }) => value)).toEqual(values(0, 6))
    expect(await there.end()).toBe(0)
    expect([there.fatal, there.failed]).toEqual([[], []])

    // A public key is asked for once, and then serves for every DEK.
    const seals = kind.seals === 'GetPublicKey' ? 1 : 2
    if (producing) expect(callsBy(kms, producing)).toEqual({ [kind.seals ?? '']: seals })
    expect(callsBy(kms, reading)).toEqual({ [kind.opens]: 2 })
    expect(kms.calls()).toHaveLength((producing ? seals : 0) + 2)

    const standing = await standingOn(topic)
    const sealed = standing.map(({ value }) => parts(value))
    expect(new Set(sealed.map(({ session }) => session)).size).toBe(2)
    expect(new Set(sealed.flatMap(({ wrappedDeks }) => wrappedDeks.map(({ provider }) => provider)))).toEqual(
      new Set([kind.provider]),
    )
    for (const { value } of standing) expect(value?.includes(CANARY)).toBe(false)
  })

  it('a reader that may not decrypt gets KMS_DENIED and no plaintext, and commits no record', async () => {
    await stage(kind)
    await send(0, 3)
    const denied = identity('denied')
    const there = reader(denied)
    await until('consumer.stopped', () => there.fatal.length > 0)
    expect(there.fatal).toMatchObject([{ code: 'KMS_DENIED', topic, offset: '0' }])
    expect(await there.end()).toBe(0)
    expect(there.delivered).toEqual([])
    // A partition whose KMS takes over a second goes back to its record, and KafkaJS commits that place.
    expect(['-1', '0']).toContain(await committed())
    expect(callsBy(kms, denied)).toEqual({ [`${kind.opens} UnauthorizedOperation`]: 1 })

    // Only this reader was at fault: one that may decrypt continues from the first record.
    const other = reader()
    await until('delivery', () => other.delivered.length >= 3)
    expect(other.delivered.map(({ value }) => value)).toEqual(values(0, 3))
  })

  it('disabling the CMK in the middle stops the reader at that record; after enabling it, the reader continues exactly there', async () => {
    await stage(kind)
    await send(0, 3)
    const there = reader()
    await until('delivery', () => there.delivered.length >= 3)

    // Sealed under a DEK that the reader does not have, before the CMK is disabled.
    await encryption.rotate()
    const sealed = await sealRecords(
      encryption,
      messages(3, 3).map((message) => ({ ...message, topic })),
    )
    kms.setKeyState(cmk.keyId, 'Disabled')
    const plain = kafka.producer()
    await plain.connect()
    await plain.send({ topic, messages: sealed.map(({ key, value }) => ({ key, value })) })
    await plain.disconnect()
    await until('consumer.stopped', () => there.fatal.length > 0)
    expect(there.fatal).toMatchObject([{ code: kind.disabled, topic, offset: '3' }])
    expect(there.delivered.map(({ offset }) => offset)).toEqual(['0', '1', '2'])
    await until('the commit', async () => (await committed()) === '3')

    // Nobody seals under a new DEK either, who asks the KMS for it; and nothing is sent.
    if (kind.seals === 'GenerateDataKey' || kind.seals === 'Encrypt') {
      expect(await thrownBy(() => encryption.rotate())).toMatchObject({ code: 'CMK_DISABLED' })
      expect(await thrownBy(() => send(6, 1))).toMatchObject({ code: 'CMK_DISABLED' })
    }

    kms.setKeyState(cmk.keyId, 'Enabled')
    there.run()
    await until('the rest', () => there.delivered.length >= 6)
    await send(6, 1)
    await until('what was sent since', () => there.delivered.length >= 7)
    expect(there.delivered).toEqual(values(0, 7).map((value, i) => ({ offset: String(i), value })))
    expect(there.fatal).toHaveLength(1)
    expect(await there.end()).toBe(0)
    expect(await committed()).toBe('7')
  })
})
