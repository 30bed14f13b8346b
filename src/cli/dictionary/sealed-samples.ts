import { createEncryption, type EncryptionConfig, type Kms } from '../../index.js'
import { sealRecords } from '../../record/index.js'
import { VENDORS } from '../estimate/kms-pricing.js'

/** As long as such names usually are: they are in every envelope. */
const topicOf = (n: number): string => `shop.orders.v${String(n)}`
/** Random as real ones are, because zeros would compress. */
const CMK = `ap-guangzhou/${globalThis.crypto.randomUUID()}`
const DEK_BYTES = 32

/** The `compression` of a rule; its dictionary is the one that is tried. */
export type RuleCompression = 'none' | 'gzip' | 'zstd' | { readonly dictionary: 'tried' }

/**
 * Seals values as a producer does, under one CMK of Tencent Cloud KMS, once with each compression. They cannot be
 * opened.
 */
export async function sealSamples(
  samples: readonly Buffer[],
  compressions: readonly RuleCompression[],
  dictionary: Buffer,
): Promise<Buffer[][]> {
  const config: EncryptionConfig = {
    kms: { throwaway: throwawayKms() },
    cmks: { throwaway: [{ kms: 'throwaway', id: CMK }] },
    dictionaries: { tried: { base64: dictionary.toString('base64') } },
    topics: compressions.map((compression, n) => ({
      match: [topicOf(n)],
      encrypt: { cmk: 'throwaway', compression },
    })),
  }
  const encryption = await createEncryption(config)
  try {
    const sealed: Buffer[][] = []
    for (const n of compressions.keys()) {
      const records = samples.map((value) => ({ topic: topicOf(n), value }))
      sealed.push((await sealRecords(encryption, records)).map(({ value }) => value as Buffer))
    }
    return sealed
  } finally {
    await encryption.close()
  }
}

/** Makes DEKs whose ciphertexts are as long as those of Tencent Cloud KMS and, like them, base64. */
function throwawayKms(): Kms {
  const { provider, ciphertextDekBytes } = VENDORS.tencent
  const random = (bytes: number): Uint8Array => globalThis.crypto.getRandomValues(new Uint8Array(bytes))
  const ciphertextDek = (): Buffer =>
    Buffer.from(Buffer.from(random(ciphertextDekBytes)).toString('base64').slice(0, ciphertextDekBytes))
  return {
    describe: () => Promise.resolve({ provider, publicKeyWraps: false }),
    generateDek: () => Promise.resolve({ dek: random(DEK_BYTES), ciphertextDek: ciphertextDek() }),
    wrapDek: () => Promise.resolve(ciphertextDek()),
    unwrapDek: () => Promise.reject(new Error('samples are sealed to be measured, never opened')),
    verify: () => Promise.resolve(),
  }
}
