import type { DecryptRule, EncryptionConfig, RenewedEncryptRule } from '../../src/index.js'
import { createKeyring } from '../../src/kms/local/index.js'
import type { FaultyKms } from './kms.js'
import type { DecryptSetup, EncryptionSetup } from './processes/setup.js'

/** Rules of one CMK for all topics. */
export interface RuleSetup extends Pick<EncryptionConfig, 'cache' | 'kmsRateLimit'> {
  readonly encrypt?: Omit<RenewedEncryptRule, 'cmk'>
  readonly decrypt?: Omit<DecryptSetup, 'cmk'>
}

/** A KMS without faults, for as many DEKs as a schedule needs. */
export interface LocalKeyring {
  readonly options: { readonly keyring: string }
  readonly cmkId: string
}

export async function newKeyring(keyring: string): Promise<LocalKeyring> {
  await createKeyring(keyring, [{ id: 'main', type: 'aes-256' }])
  return { options: { keyring }, cmkId: 'main' }
}

/** The topics that match are under the CMK of one KMS, and no other topic has a rule. */
export function underOneCmk(
  match: string,
  kms: FaultyKms | LocalKeyring,
  { encrypt = {}, decrypt = {}, ...others }: RuleSetup,
): EncryptionSetup {
  return {
    ...others,
    kms: { kms: kms.options },
    cmks: { main: [{ kms: 'kms', id: kms.cmkId }] },
    topics: [
      {
        name: 'all',
        match: [match],
        encrypt: { cmk: 'main', ...encrypt },
        decrypt: { cmk: 'main', ...decrypt } satisfies DecryptRule,
      },
    ],
  }
}
