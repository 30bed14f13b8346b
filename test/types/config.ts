/*
 * Configurations that TypeScript must refuse, and those that it must accept. The type check of the repository compiles
 * this file; `test/package/typescript` compiles the same mistakes against the packed types.
 */
import {
  createEncryption,
  type Duration,
  type EncryptionConfig,
  type Kms,
  type TopicRule,
} from '../../src/index.js'
import { loadConfig } from '../../src/config-file/index.js'

declare const gz: Kms
declare const sh: Kms

const cmks = { main: [{ kms: 'gz', id: 'x' }] } as const

export function refused(): void {
  void createEncryption({
    kms: { gz },
    // @ts-expect-error an unknown KMS: Type '"sh"' is not assignable to type '"gz"'
    cmks: { main: [{ kms: 'sh', id: 'x' }] },
    topics: [{ match: ['a'], encrypt: { cmk: 'main' } }],
  })
  void createEncryption({
    kms: { gz },
    cmks,
    // @ts-expect-error an unknown CMK: Type '"other"' is not assignable to type '"main"'
    topics: [{ match: ['a'], encrypt: { cmk: 'other' } }],
  })
  void createEncryption({
    kms: { gz },
    cmks,
    // @ts-expect-error an unknown CMK, to decrypt: Type '"other"' is not assignable to type '"main" | readonly "main"[]'
    topics: [{ match: ['a'], decrypt: { cmk: 'other' } }],
  })
  void createEncryption({
    kms: { gz },
    cmks,
    // @ts-expect-error an unknown CMK in a list: Type '"other"' is not assignable to type '"main"'
    topics: [{ match: ['a'], decrypt: { cmk: ['main', 'other'] } }],
  })
  void createEncryption({
    kms: { gz },
    cmks,
    // @ts-expect-error not a duration: Type '"banana"' is not assignable to type 'Duration | undefined'
    topics: [{ match: ['a'], encrypt: { cmk: 'main', rotate: { maxAge: 'banana' } } }],
  })
  void createEncryption({
    kms: { gz },
    cmks,
    // @ts-expect-error passthrough beside encrypt: 'encrypt' does not exist in type 'PassthroughRule'
    topics: [{ match: ['a'], passthrough: true, encrypt: { cmk: 'main' } }],
  })
  void createEncryption({
    kms: { gz },
    cmks,
    // @ts-expect-error dead letters without a topic: Type '"deadLetter"' is not assignable to type 'InvalidPolicy'
    topics: [{ match: ['a'], decrypt: { cmk: 'main', onInvalid: 'deadLetter' } }],
  })
  void createEncryption({
    kms: { gz },
    cmks,
    // @ts-expect-error a rule that does nothing: Property 'decrypt' is missing
    topics: [{ match: ['a'] }],
  })
  void createEncryption({
    kms: { gz },
    cmks,
    topics: [
      {
        match: ['a'],
        // @ts-expect-error a DEK that is not renewed has no next one: Type '"10m"' is not assignable to type 'undefined'
        encrypt: { cmk: 'main', provisionedDek: { text: 'x' }, rotate: { prefetch: '10m' } },
      },
    ],
  })
}

/** A dictionary that does not exist: with others, and without any. */
export function refusedDictionaries(): void {
  void createEncryption({
    kms: { gz },
    cmks,
    dictionaries: { orders: { file: './orders.dict' } },
    // @ts-expect-error an unknown dictionary: Type '"other"' is not assignable to type '"orders"'
    topics: [{ match: ['a'], encrypt: { cmk: 'main', compression: { dictionary: 'other' } } }],
  })
  void createEncryption({
    kms: { gz },
    cmks,
    // @ts-expect-error there are no dictionaries: Type 'string' is not assignable to type 'never'
    topics: [{ match: ['a'], encrypt: { cmk: 'main', compression: { dictionary: 'orders' } } }],
  })
  void createEncryption({
    kms: { gz },
    cmks,
    // @ts-expect-error a path and base64 look alike: Type 'string' is not assignable to type 'Dictionary'
    dictionaries: { orders: './orders.dict' },
    topics: [{ match: ['a'], encrypt: { cmk: 'main' } }],
  })
}

export const notDurations: readonly Duration[] = [
  // @ts-expect-error it has no unit
  '5',
  // @ts-expect-error no such unit
  '1 week',
  // @ts-expect-error a unit of sizes
  '1MiB',
]

export async function accepted(): Promise<void> {
  const inline = createEncryption({
    kms: { gz, sh },
    cmks: {
      now: [
        { kms: 'gz', id: 'x' },
        { kms: 'sh', id: 'y' },
      ],
      then: [{ kms: 'gz', id: 'z' }],
    },
    topics: [
      {
        match: ['a'],
        encrypt: { cmk: 'now', rotate: { maxAge: '24h', maxBytes: '64GiB', prefetch: '10m', grace: '2h' } },
        decrypt: {
          cmk: ['now', 'then'],
          // The parameters of a function have types.
          onInvalid: (record, error) => (record.topic === error.code ? 'stop' : { deadLetter: 'a.dlq' }),
          onUnreadable: { deadLetter: 'a.dlq' },
        },
      },
      { match: ['b'], encrypt: { cmk: 'now', provisionedDek: { file: 'x' }, rotate: { maxAge: '30d' } } },
      { match: ['e'], encrypt: { cmk: 'now', compression: { dictionary: 'orders' } } },
      { match: ['c'], passthrough: true },
      { match: ['d'], passthrough: false, decrypt: { cmk: 'then' } },
    ],
    dictionaries: { orders: { file: './orders.dict' }, old: { base64: 'YQ==' }, oldest: Buffer.of(1) },
    kmsTimeout: 5000,
  })
  const plain: EncryptionConfig = {
    kms: { gz },
    cmks: { main: [{ kms: 'gz', id: 'x' }] },
    topics: [{ match: ['a'], encrypt: { cmk: 'main' } }],
  }
  const named = {
    kms: { gz },
    cmks: { main: [{ kms: 'gz', id: 'x' }] },
    topics: [{ match: ['a'], encrypt: { cmk: 'main', rotate: { maxAge: '1h' } } }],
  } as const satisfies EncryptionConfig
  const atRunTime: Record<string, Kms> = { gz }
  const rules: TopicRule<'main'>[] = ['a', 'b'].map((topic) => ({ match: [topic], encrypt: { cmk: 'main' } }))
  const anyRules: readonly TopicRule[] = rules
  const madeElsewhere: EncryptionConfig = { kms: { gz }, cmks, topics: anyRules }
  await Promise.all([
    inline,
    createEncryption(plain),
    createEncryption(named),
    createEncryption({ ...plain, kms: atRunTime }),
    createEncryption({ kms: { gz }, cmks, topics: rules }),
    createEncryption(madeElsewhere),
    createEncryption(await loadConfig('kafka-envelope.yaml', { kms: { gz } })),
  ])
}
