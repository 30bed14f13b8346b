import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createEncryption, type EncryptionConfig } from '../../src/index.js'
import { createKeyring, localKms } from '../../src/kms/local/index.js'
import { sealRecords } from '../../src/record/index.js'
import { parts } from '../support/sealed.js'

/** A value, and what a scan should find it to be. Its own names stand for the rows of the report. */
export interface Variant {
  readonly value: Buffer | null
  readonly headers?: Readonly<Record<string, string>>
  readonly kind: 'sealed' | 'plaintext' | 'unknownFormat' | 'malformed' | 'tombstone'
  /** Bytes that sealing added. */
  readonly overhead: number
  /** `dimension value` of each row that counts it. */
  readonly rows: readonly string[]
  readonly session?: string
  /** `CMK` and ciphertext DEK in hexadecimal. */
  readonly deks: readonly (readonly [string, string])[]
}

export interface Variants {
  /** Of committed records, with the share of each kind. */
  readonly mixed: readonly { readonly share: number; readonly variants: readonly Variant[] }[]
  /** Only ever in transactions that are aborted. */
  readonly aborted: readonly Variant[]
}

interface Sealing {
  readonly share: number
  readonly count: number
  readonly cmks: readonly string[]
  /** Another one for dead letters. */
  readonly topic?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly compression?: 'gzip'
  readonly context?: Readonly<Record<string, string>>
}

/** The topic that dead letters were sealed for. */
export const DEAD_LETTERS_OF = 'raw.million.orders'

const SEALINGS: readonly Sealing[] = [
  { share: 45, count: 1500, cmks: ['cards-2024'] },
  { share: 20, count: 800, cmks: ['cards-2024', 'backup'], compression: 'gzip', context: { tenant: 'acme' } },
  { share: 20, count: 800, cmks: ['cards-2025'], context: { env: 'prod', tenant: 'none' } },
  {
    ...{ share: 5, count: 200, cmks: ['orders-2023'], topic: DEAD_LETTERS_OF },
    headers: {
      'kafka-envelope.error': 'AUTHENTICATION_FAILED',
      'kafka-envelope.topic': DEAD_LETTERS_OF,
    },
  },
]
const ABORTED: Sealing = { share: 0, count: 100, cmks: ['aborted-only'] }
/** Records of one DEK. */
const PER_DEK = 50

/** As the header numbers them. A value that compression would make longer is not compressed. */
const COMPRESSIONS = ['none', 'gzip']

/** The configuration of programs that open or rewrap these records; its keyring is in the same folder. */
export const CONFIG_FILE = 'kafka-envelope.yaml'

/**
 * Seals values for a topic, and makes others. Writes a keyring and a configuration file into the folder.
 * @param random for what is not sealed
 */
export async function makeVariants(folder: string, topic: string, random: () => number): Promise<Variants> {
  const keyring = join(folder, 'keyring')
  const ids = [...new Set([...SEALINGS, ABORTED].flatMap(({ cmks }) => cmks)), 'cards-2026']
  await createKeyring(
    keyring,
    ids.map((id) => ({ id, type: 'aes-256' })),
  )
  await writeFile(join(folder, CONFIG_FILE), configFile(ids, [topic, DEAD_LETTERS_OF]))
  const sealed = await Promise.all(
    SEALINGS.map(async (sealing) => ({
      share: sealing.share,
      variants: await sealedVariants(keyring, topic, sealing),
    })),
  )
  return {
    mixed: [...sealed, ...otherVariants(random)],
    aborted: await sealedVariants(keyring, topic, ABORTED),
  }
}

async function sealedVariants(keyring: string, topic: string, sealing: Sealing): Promise<Variant[]> {
  const { cmks, compression, context, count, headers, topic: sealedFor = topic } = sealing
  const rotate = { maxMessages: PER_DEK, allowFrequentRotation: true }
  const config: EncryptionConfig = {
    kms: { local: localKms({ keyring }) },
    cmks: { used: cmks.map((id) => ({ kms: 'local', id })) },
    topics: [
      {
        match: [sealedFor],
        encrypt: {
          cmk: 'used',
          rotate,
          bindKey: false,
          ...(compression && { compression }),
          ...(context && { context }),
        },
      },
    ],
  }
  const encryption = await createEncryption(config)
  const records = Array.from({ length: count }, (_, i) => ({
    topic: sealedFor,
    value: JSON.stringify({ record: i, text: 'settlement '.repeat(i % 12) }),
  }))
  const sealed = await sealRecords(encryption, records)
  await encryption.close()
  return sealed.map(({ value }) => variantOf(value, sealing, sealedFor, headers))
}

function variantOf(
  value: Buffer | null,
  { cmks, context = {} }: Sealing,
  sealedFor: string,
  headers: Variant['headers'],
): Variant {
  const { session, wrappedDeks, body, compression } = parts(value)
  const entries = Object.entries(context).map((entry) => entry.join('='))
  return {
    value,
    ...(headers && { headers }),
    kind: 'sealed',
    overhead: (value?.length ?? 0) - body.length,
    rows: [
      'format v1',
      'suite 1',
      `compression ${COMPRESSIONS[compression] ?? ''}`,
      `context ${entries.join(',')}`,
      `sealedFor ${sealedFor}`,
      ...cmks.map((id) => `cmk local ${id}`),
      ...(cmks.length === 1 ? [`onlyCmk local ${cmks.join('')}`] : []),
    ],
    session,
    deks: wrappedDeks.map(({ provider, cmkId, ciphertextDek }) => [
      `${provider} ${cmkId}`,
      ciphertextDek.toString('hex'),
    ]),
  }
}

function otherVariants(random: () => number): Variants['mixed'] {
  const bytes = (length: number): Buffer =>
    Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)))
  const none = { overhead: 0, deks: [] }
  const many = (count: number, make: (i: number) => Buffer): Buffer[] =>
    Array.from({ length: count }, (_, i) => make(i))
  return [
    {
      share: 6,
      variants: many(300, (i) => Buffer.from(`{"plaintext":${String(i)},"text":"${'x'.repeat(i)}"}`)).map(
        (value) => ({ ...none, value, kind: 'plaintext', rows: [] }),
      ),
    },
    { share: 1, variants: [{ ...none, value: null, kind: 'tombstone', rows: [] }] },
    {
      share: 1.5,
      // What begins as a value of another Avro schema, and as an envelope that ends too early.
      variants: many(20, (i) => Buffer.concat([Buffer.from('c301001122334455667788', 'hex'), bytes(i)])).map(
        (value) => ({
          ...none,
          value,
          kind: 'unknownFormat',
          rows: [`format Avro schema ${value.toString('hex', 2, 10)}`],
        }),
      ),
    },
    {
      share: 1.5,
      variants: many(20, () => Buffer.from('c301', 'hex')).map((value) => ({
        ...{ ...none, value, kind: 'malformed', rows: [] },
      })),
    },
  ]
}

function configFile(ids: readonly string[], originalTopics: readonly string[]): string {
  return [
    'version: 1',
    'kms: { local: { provider: local, keyring: keyring } }',
    'cmks:',
    ...ids.map((id) => `  ${id}: [{ kms: local, id: ${id} }]`),
    'topics:',
    "  - match: ['raw.resealed.*']",
    '    encrypt: { cmk: cards-2026 }',
    '    decrypt: { cmk: cards-2026 }',
    "  - match: ['raw.million*']",
    `    decrypt: { cmk: [${ids.join(', ')}], require: { bindKey: false }, originalTopics: [${originalTopics.join(', ')}] }`,
    '',
  ].join('\n')
}
