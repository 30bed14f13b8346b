import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  EMULATOR_CREDENTIAL,
  startTencentKmsEmulator,
  type EmulatorCall,
  type EmulatorCredential,
  type TencentKmsEmulator,
} from '../../../packages/tencent-kms-emulator/src/index.js'
import type { DekStore } from '../../../src/dek-store/dek-store.js'
import {
  createEncryption,
  type EncryptRule,
  type Encryption,
  type EncryptionConfig,
} from '../../../src/index.js'
import { tencentKms, type TencentKmsOptions } from '../../../src/kms/tencent/index.js'
import type { EnvelopeError } from '../../../src/errors.js'
import { openRecords, sealRecords } from '../../../src/record/index.js'
import { parts } from '../../support/sealed.js'

/** How late each answer is, over real HTTP: every time-out here is a default. */
const LATE_MS = 5000
/** Real waits of several answers in a row. */
const PATIENCE_MS = 90_000

let emulator: TencentKmsEmulator
const ends: (() => Promise<void>)[] = []

beforeAll(async () => {
  emulator = await startTencentKmsEmulator()
  emulator.faults.inject({ kind: 'latency', ms: LATE_MS, times: Infinity })
})
afterAll(async () => {
  for (const end of ends) await end()
  await emulator.close()
})

type Usage = 'ENCRYPT_DECRYPT' | 'ASYMMETRIC_DECRYPT_RSA_2048'

/** CMKs, and a caller of its own, so that tests that run together can count their calls. */
interface Place {
  readonly cmks: readonly string[]
  readonly usage: Usage
  readonly credential: EmulatorCredential
}

const credentials: EmulatorCredential[] = []

function newPlace(cmks = 1, usage: Usage = 'ENCRYPT_DECRYPT'): Place {
  const name = String(credentials.length)
  const credential = { ...EMULATOR_CREDENTIAL, secretId: `AKIDCALLER${name}` }
  credentials.push(credential)
  emulator.setCredentials(credentials)
  const ids = Array.from({ length: cmks }, (_, n) => {
    const { region, keyId } = emulator.createKey({ alias: `place-${name}-${String(n)}`, usage })
    return `${region}/${keyId}`
  })
  return { cmks: ids, usage, credential }
}

function callsOf({ credential }: Place, action: string): readonly EmulatorCall[] {
  return emulator
    .calls()
    .filter(
      (call) => call.secretId === credential.secretId && call.action === action && call.code === undefined,
    )
}

async function owner(
  { cmks, usage, credential }: Place,
  {
    encrypt = {},
    kms = {},
    ...rest
  }: {
    encrypt?: Partial<EncryptRule>
    kms?: Partial<TencentKmsOptions>
  } & Partial<Pick<EncryptionConfig, 'dekStore'>> = {},
): Promise<Encryption> {
  const type = usage === 'ENCRYPT_DECRYPT' ? 'symmetric' : 'rsa-2048'
  const encryption = await createEncryption({
    kms: {
      tencent: tencentKms({
        endpoint: emulator.url,
        credentials: credential,
        cmks: Object.fromEntries(cmks.map((id) => [id, { type }])),
        ...kms,
      }),
    },
    cmks: { main: cmks.map((id) => ({ kms: 'tencent' as const, id })) },
    topics: [
      {
        match: ['orders', 'orders.*'],
        encrypt: { ...encrypt, cmk: 'main' } as EncryptRule<'main'>,
        decrypt: { cmk: 'main', acceptPublicKeySealing: true },
      },
    ],
    ...rest,
  })
  ends.push(() => encryption.close())
  return encryption
}

const records = (count: number, topic = 'orders') =>
  Array.from({ length: count }, (_, n) => ({ topic, key: 'k', value: String(n) }))
const valuesOf = (sealed: readonly { readonly value: Buffer | null }[]): (Buffer | null)[] =>
  sealed.map(({ value }) => value)
const deksIn = (values: readonly (Buffer | null)[]): Set<string> =>
  new Set(values.map((value) => parts(value).wrappedDeks[0]?.ciphertextDek.toString('hex') ?? ''))
/** Seals `count` batches, each under a DEK of its own. */
async function underDeks(encryption: Encryption, count: number): Promise<(Buffer | null)[]> {
  const values: (Buffer | null)[] = []
  for (let n = 0; n < count; n++) {
    if (n > 0) await encryption.rotate()
    values.push(...valuesOf(await sealRecords(encryption, records(3))))
  }
  return values
}
const toOpen = (values: readonly (Buffer | null)[], topic = 'orders') =>
  values.map((value) => ({ topic, key: 'k', value }))
const outcomes = (
  opened: readonly { readonly error?: { readonly code: string } | undefined }[],
): string[] => [...new Set(opened.map(({ error }) => error?.code ?? 'opened'))]

describe.concurrent('a KMS that takes 5 s for each call works with the defaults', () => {
  it(
    'a KMS that takes 5 s seals many concurrent sends through rotations, and makes no DEK that is not used but the next one',
    async () => {
      const place = newPlace()
      const encryption = await owner(place, { encrypt: { rotate: { maxMessages: 1000 } } })
      const sends = Array.from({ length: 50 }, () => sealRecords(encryption, records(50)))
      const values = (await Promise.all(sends)).flatMap(valuesOf)
      const used = deksIn(values)
      expect(used.size).toBe(3)
      const made = callsOf(place, 'GenerateDataKey').length
      expect(made - used.size).toBeLessThanOrEqual(1)
    },
    PATIENCE_MS,
  )

  it(
    'a KMS that takes 5 s seals under several CMKs with one call to each for a DEK',
    async () => {
      const place = newPlace(3)
      const encryption = await owner(place)
      await Promise.all(Array.from({ length: 20 }, () => sealRecords(encryption, records(3))))
      expect(callsOf(place, 'GenerateDataKey')).toHaveLength(1)
      expect(callsOf(place, 'Encrypt')).toHaveLength(2)
    },
    PATIENCE_MS,
  )

  it(
    'a KMS that takes 5 s gives each of 40 topics its DEK at the first send',
    async () => {
      const place = newPlace()
      const encryption = await owner(place, { encrypt: { dekScope: 'topic' } })
      const topics = Array.from({ length: 40 }, (_, n) => `orders.${String(n)}`)
      const sealed = await Promise.all(topics.map((topic) => sealRecords(encryption, records(2, topic))))
      expect(deksIn(sealed.flatMap(valuesOf)).size).toBe(topics.length)
      expect(callsOf(place, 'GenerateDataKey')).toHaveLength(topics.length)
    },
    PATIENCE_MS,
  )

  it(
    'a KMS that takes 5 s opens a batch under several DEKs with one call for each, for all partitions together',
    async () => {
      const place = newPlace()
      const values = await underDeks(await owner(place), 3)
      const reader = await owner(place)
      const opened = await Promise.all(Array.from({ length: 6 }, () => openRecords(reader, toOpen(values))))
      expect(outcomes(opened.flat())).toEqual(['opened'])
      expect(callsOf(place, 'Decrypt')).toHaveLength(3)
    },
    PATIENCE_MS,
  )

  it(
    'a KMS that takes 5 s has its answer used by a later send, if the send that asked has given up',
    async () => {
      const place = newPlace()
      const encryption = await owner(place, { encrypt: { dekTimeout: '2s' } })
      const send = (): Promise<string> =>
        sealRecords(encryption, records(1)).then(
          () => 'sealed',
          (error: unknown) => (error as EnvelopeError).code,
        )
      const outcomes: string[] = []
      while (outcomes.at(-1) !== 'sealed') outcomes.push(await send())
      expect(new Set(outcomes)).toEqual(new Set(['KEY_WAIT_TIMEOUT', 'sealed']))
      expect(callsOf(place, 'GenerateDataKey')).toHaveLength(1)
    },
    PATIENCE_MS,
  )

  it(
    'a KMS that takes 5 s proves with verify() that its CMKs work, symmetric and RSA',
    async () => {
      const place = newPlace(2)
      const rsa = newPlace(1, 'ASYMMETRIC_DECRYPT_RSA_2048')
      await Promise.all([(await owner(place)).verify(), (await owner(rsa)).verify()])
      // The first CMK makes a DEK, and each makes one to have something to unwrap.
      expect(callsOf(place, 'GenerateDataKey')).toHaveLength(1 + place.cmks.length)
      expect(callsOf(place, 'Encrypt')).toHaveLength(place.cmks.length - 1)
      expect(callsOf(rsa, 'GetPublicKey')).toHaveLength(1)
    },
    PATIENCE_MS,
  )

  it(
    'a KMS that takes 5 s opens what was sealed under the public key of an RSA CMK',
    async () => {
      const place = newPlace(1, 'ASYMMETRIC_DECRYPT_RSA_2048')
      const values = await underDeks(await owner(place), 2)
      const opened = await openRecords(await owner(place), toOpen(values))
      expect(outcomes(opened)).toEqual(['opened'])
      expect(callsOf(place, 'GetPublicKey')).toHaveLength(1)
      expect(callsOf(place, 'AsymmetricRsaDecrypt')).toHaveLength(2)
    },
    PATIENCE_MS,
  )

  it(
    'a KMS that takes 5 s unwraps a stored DEK, and makes no other',
    async () => {
      const place = newPlace()
      const kept = new Map<string, unknown>()
      const dekStore: DekStore = {
        load: (name) => Promise.resolve(kept.get(name) as never),
        save: (name, dek) => Promise.resolve(void kept.set(name, dek)),
        remove: (name) => Promise.resolve(void kept.delete(name)),
      }
      const first = await owner(place, { dekStore })
      await sealRecords(first, records(1))
      await first.close()
      await sealRecords(await owner(place, { dekStore }), records(1))
      expect(callsOf(place, 'GenerateDataKey')).toHaveLength(1)
      expect(callsOf(place, 'Decrypt')).toHaveLength(1)
    },
    PATIENCE_MS,
  )

  it(
    'a KMS that takes 5 s unwraps a provisioned DEK at the start',
    async () => {
      const place = newPlace()
      const text = await (await owner(place)).createProvisionedDek('orders')
      const encryption = await owner(place, { encrypt: { provisionedDek: { text } } })
      await sealRecords(encryption, records(1))
      expect(callsOf(place, 'Decrypt')).toHaveLength(1)
    },
    PATIENCE_MS,
  )

  it(
    'a KMS that takes 5 s, and credentials that take as long, make one DEK',
    async () => {
      const place = newPlace()
      let asked = 0
      const getCredential = async (): Promise<EmulatorCredential> => {
        asked++
        await new Promise((resolve) => setTimeout(resolve, LATE_MS))
        return place.credential
      }
      const encryption = await owner(place, { kms: { credentials: { getCredential } } })
      await Promise.all(Array.from({ length: 10 }, () => sealRecords(encryption, records(1))))
      expect(asked).toBe(1)
      expect(callsOf(place, 'GenerateDataKey')).toHaveLength(1)
    },
    PATIENCE_MS,
  )
})
