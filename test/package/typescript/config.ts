/*
 * Never runs. TypeScript must refuse these mistakes by the packed types, and know `await using` without a `lib` of its
 * own. `test/types/config.ts` has more.
 */
import { createEncryption, isEnvelopeError, type Kms } from 'kafka-envelope'

declare const gz: Kms
const cmks = { main: [{ kms: 'gz', id: 'x' }] } as const

export async function mistakes(): Promise<void> {
  await using encryption = await createEncryption({
    kms: { gz },
    // @ts-expect-error an unknown KMS
    cmks: { main: [{ kms: 'sh', id: 'x' }] },
    topics: [{ match: ['a'], encrypt: { cmk: 'main' } }],
  })
  encryption.health()
  await createEncryption({
    kms: { gz },
    cmks,
    // @ts-expect-error an unknown CMK
    topics: [{ match: ['a'], encrypt: { cmk: 'other' } }],
  })
  await createEncryption({
    kms: { gz },
    cmks,
    // @ts-expect-error not a duration
    topics: [{ match: ['a'], encrypt: { cmk: 'main', rotate: { maxAge: 'banana' } } }],
  })
  await createEncryption({
    kms: { gz },
    cmks,
    // @ts-expect-error passthrough beside encrypt
    topics: [{ match: ['a'], passthrough: true, encrypt: { cmk: 'main' } }],
  })
  await createEncryption({
    kms: { gz },
    cmks,
    // @ts-expect-error dead letters without a topic
    topics: [{ match: ['a'], decrypt: { cmk: 'main', onInvalid: 'deadLetter' } }],
  })
  await createEncryption({
    kms: { gz },
    cmks,
    dictionaries: { orders: { file: './orders.dict' } },
    // @ts-expect-error an unknown dictionary
    topics: [{ match: ['a'], encrypt: { cmk: 'main', compression: { dictionary: 'other' } } }],
  })
}

export function issuesOf(error: unknown): readonly { readonly path: string }[] {
  return isEnvelopeError(error) && error.code === 'CONFIG_INVALID' ? error.issues : []
}
