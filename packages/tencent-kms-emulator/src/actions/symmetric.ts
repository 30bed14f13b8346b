import { randomBytes } from 'node:crypto'

import * as v from 'valibot'

import {
  action,
  contextBytes,
  contextText,
  given,
  integer,
  NOT_HERE,
  tags,
  type Action,
  type ActionCall,
  type ActionQuota,
} from '../action.js'
import { fromBase64, openBlob, parseBlob, sealBlob } from '../blobs.js'
import {
  requireState,
  requireUsage,
  TO_DECRYPT,
  TO_ENCRYPT,
  TO_GENERATE,
  TO_REENCRYPT,
  type Cmk,
  type StateCodes,
} from '../cmk.js'
import { encryptForCaller } from '../rsa.js'
import { Refusal } from '../refusal.js'

const MAX_PLAINTEXT = 4096
/** "Symmetric operations share one quota." */
const SYMMETRIC: ActionQuota = { perSecond: 300, family: 'symmetric' }

/** Asks for plaintext encrypted under a public key of the caller. */
const returned = {
  EncryptionPublicKey: v.optional(v.string()),
  EncryptionAlgorithm: v.optional(v.string()),
}

export const symmetricActions: readonly Action[] = [
  action({
    name: 'GenerateDataKey',
    quota: SYMMETRIC,
    parameters: v.strictObject({
      KeyId: v.string(),
      KeySpec: v.optional(v.picklist(['AES_128', 'AES_256'])),
      NumberOfBytes: v.optional(integer(1, 1024)),
      EncryptionContext: contextText,
      ...returned,
      /** 1: KMS keeps the data key, which the emulator does not. */
      IsHostedByKms: v.optional(v.literal(0)),
      // For a data key that KMS keeps.
      DataKeyName: v.optional(v.string()),
      Description: v.optional(v.string()),
      Tags: tags,
      HsmClusterId: NOT_HERE.HsmClusterId,
    }),
    run(parameters, call) {
      const cmk = symmetric(call, parameters.KeyId, TO_GENERATE)
      const context = call.context(parameters.EncryptionContext)
      // "If both are given, NumberOfBytes counts."
      const bytes = parameters.NumberOfBytes ?? bytesOf(parameters.KeySpec)
      const plaintext = randomBytes(bytes)
      return {
        KeyId: cmk.keyId,
        Plaintext: encryptForCaller(plaintext, parameters).toString('base64'),
        CiphertextBlob: seal(call, cmk, plaintext, context),
        // Nullable: only a data key that KMS keeps has them.
        DataKeyId: null,
        TagCode: null,
        TagMsg: null,
      }
    },
  }),
  action({
    name: 'Encrypt',
    quota: SYMMETRIC,
    parameters: v.strictObject({
      KeyId: v.string(),
      Plaintext: v.string(),
      EncryptionContext: contextText,
    }),
    run({ KeyId, Plaintext, EncryptionContext }, call) {
      const cmk = symmetric(call, KeyId, TO_ENCRYPT, 'InvalidParameterValue.InvalidKeyId')
      const context = call.context(EncryptionContext)
      const plaintext = fromBase64(Plaintext)
      if (plaintext === undefined || plaintext.length === 0 || plaintext.length > MAX_PLAINTEXT) {
        throw new Refusal(
          'InvalidParameterValue.InvalidPlaintext',
          'Plaintext must be the base64 of 1 to 4096 bytes.',
        )
      }
      return { KeyId: cmk.keyId, CiphertextBlob: seal(call, cmk, plaintext, context) }
    },
  }),
  action({
    name: 'Decrypt',
    quota: SYMMETRIC,
    parameters: v.strictObject({
      CiphertextBlob: v.string(),
      EncryptionContext: contextBytes,
      ...returned,
    }),
    run(parameters, call) {
      const { cmk, plaintext } = open(call, parameters.CiphertextBlob, parameters.EncryptionContext)
      return { KeyId: cmk.keyId, Plaintext: encryptForCaller(plaintext, parameters).toString('base64') }
    },
  }),
  action({
    name: 'ReEncrypt',
    parameters: v.strictObject({
      CiphertextBlob: v.string(),
      DestinationKeyId: v.optional(v.string()),
      SourceEncryptionContext: contextText,
      DestinationEncryptionContext: contextText,
    }),
    run(parameters, call) {
      const { CiphertextBlob } = parameters
      const source = open(call, CiphertextBlob, parameters.SourceEncryptionContext)
      const destination = symmetric(
        call,
        given(parameters.DestinationKeyId) ?? source.cmk.keyId,
        TO_REENCRYPT,
        'InvalidParameterValue.InvalidKeyId',
      )
      const context = call.context(parameters.DestinationEncryptionContext)
      // "The same CMK, not rotated since: nothing is re-encrypted, the original ciphertext is returned."
      const same = destination === source.cmk && source.material === destination.materials.length - 1
      return {
        CiphertextBlob: same ? CiphertextBlob : seal(call, destination, source.plaintext, context),
        KeyId: destination.keyId,
        SourceKeyId: source.cmk.keyId,
        ReEncrypted: !same,
      }
    },
  }),
]

/** @param ofUsage the answer of an action that does not list InvalidKeyUsage */
function symmetric(call: ActionCall, keyId: string, states: StateCodes, ofUsage?: string): Cmk {
  const cmk = call.cmk(keyId)
  requireUsage(cmk, 'ENCRYPT_DECRYPT', ofUsage)
  requireState(cmk, states)
  return cmk
}

function bytesOf(keySpec: 'AES_128' | 'AES_256' | undefined): number {
  if (keySpec === undefined) {
    throw new Refusal('InvalidParameter', 'Either KeySpec or NumberOfBytes must be given.')
  }
  return keySpec === 'AES_128' ? 16 : 32
}

function seal(call: ActionCall, cmk: Cmk, plaintext: Buffer, context: string): string {
  const material = cmk.materials.length - 1
  const header = { keyId: cmk.keyId, material }
  return sealBlob(call.keys.rootKey, header, materialOf(cmk, material), { plaintext, context })
}

function open(
  call: ActionCall,
  blob: string,
  contextText: string | undefined,
): { readonly cmk: Cmk; readonly material: number; readonly plaintext: Buffer } {
  const context = call.context(contextText)
  const parsed = parseBlob(call.keys.rootKey, blob)
  const cmk = symmetric(call, parsed.keyId, TO_DECRYPT)
  const { material } = parsed
  return { cmk, material, plaintext: openBlob(parsed, materialOf(cmk, material), context) }
}

function materialOf(cmk: Cmk, material: number): Buffer {
  return Buffer.from(cmk.materials[material] ?? '', 'base64')
}
