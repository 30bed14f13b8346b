import { generateKeyPairSync, randomBytes } from 'node:crypto'

import { Refusal } from './refusal.js'

/** The state of a CMK, by the vendor's names. */
export type CmkState = 'Enabled' | 'Disabled' | 'PendingDelete' | 'PendingImport' | 'Archived'

/** The purposes of a CMK that the emulator supports. The vendor has more (SM2, signing). */
export type CmkUsage = 'ENCRYPT_DECRYPT' | 'ASYMMETRIC_DECRYPT_RSA_2048'

export const USAGES: readonly CmkUsage[] = ['ENCRYPT_DECRYPT', 'ASYMMETRIC_DECRYPT_RSA_2048']

/** Usages that the vendor has in some regions and the emulator in none. */
export const USAGES_ELSEWHERE: readonly string[] = [
  'ASYMMETRIC_DECRYPT_SM2',
  'ASYMMETRIC_SIGN_VERIFY_SM2',
  'ASYMMETRIC_SIGN_VERIFY_ECC',
  'ASYMMETRIC_SIGN_VERIFY_RSA_2048',
  'ASYMMETRIC_SIGN_VERIFY_ECDSA384',
]

export interface Tag {
  readonly TagKey: string
  readonly TagValue: string
}

/** A CMK with its secrets, as in the key file. Times are Unix seconds. */
export interface Cmk {
  readonly keyId: string
  readonly region: string
  readonly usage: CmkUsage
  readonly origin: 'TENCENT_KMS' | 'EXTERNAL'
  readonly createdAt: number
  alias: string
  description: string
  readonly tags?: readonly Tag[] | undefined
  state: CmkState
  /** For a symmetric CMK: AES-256 keys in base64. The last one encrypts, all decrypt. */
  readonly materials: string[]
  /** For an RSA CMK: PKCS #8, PEM. */
  readonly privateKey?: string | undefined
  rotation?: { days: number; next: number } | undefined
  lastRotatedAt?: number | undefined
  deleteAt?: number | undefined
}

export function newSecrets(usage: CmkUsage): Pick<Cmk, 'materials' | 'privateKey'> {
  if (usage === 'ENCRYPT_DECRYPT') return { materials: [newMaterial()] }
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  return { materials: [], privateKey }
}

/** Gives the CMK new material. Older materials still decrypt what they encrypted. */
export function rotate(cmk: Cmk, nowSeconds: number): void {
  cmk.materials.push(newMaterial())
  cmk.lastRotatedAt = nowSeconds
}

const INVALID_USAGE = 'InvalidParameterValue.InvalidKeyUsage'

/** @throws Refusal InvalidParameterValue.InvalidKeyUsage, or the answer of an action that does not list that code */
export function requireUsage(cmk: Cmk, usage: CmkUsage, code: string = INVALID_USAGE): void {
  if (cmk.usage !== usage) throw new Refusal(code, `The KeyUsage of the CMK is ${cmk.usage}.`)
}

/** For each state, the code that an action answers; `undefined` if the action proceeds. */
export type StateCodes = Readonly<Record<CmkState, string | undefined>>

const NOT_SUPPORTED = 'ResourceUnavailable.CmkStateNotSupport'

/*
 * Documented: the codes that the vendor lists for each action. Assumed, because no list says which code belongs to
 * which state: PendingDelete of a symmetric CMK counts as disabled (the state before it) if the list has no
 * KeyPendingDelete, and so does PendingImport. That GenerateDataKey answers CmkArchived is an exception to its list
 * (`codes.ts`).
 */
export const TO_ENCRYPT: StateCodes = {
  Enabled: undefined,
  Disabled: 'ResourceUnavailable.CmkDisabled',
  PendingDelete: 'ResourceUnavailable.CmkDisabled',
  PendingImport: 'ResourceUnavailable.CmkDisabled',
  Archived: 'ResourceUnavailable.CmkArchived',
}
export const TO_GENERATE: StateCodes = {
  ...TO_ENCRYPT,
  PendingDelete: 'ResourceUnavailable.KeyPendingDelete',
}
export const TO_DECRYPT: StateCodes = { ...TO_ENCRYPT, Archived: undefined }
/** ReEncrypt lists no CmkArchived. */
export const TO_REENCRYPT: StateCodes = { ...TO_ENCRYPT, Archived: 'ResourceUnavailable.CmkDisabled' }

/** Every state but those named is refused with CmkStateNotSupport. */
export function onlyIn(...states: readonly CmkState[]): StateCodes {
  const code = (state: CmkState) => (states.includes(state) ? undefined : NOT_SUPPORTED)
  return {
    Enabled: code('Enabled'),
    Disabled: code('Disabled'),
    PendingDelete: code('PendingDelete'),
    PendingImport: code('PendingImport'),
    Archived: code('Archived'),
  }
}

/** @throws Refusal with the code that `codes` has for the state of the CMK */
export function requireState(cmk: Cmk, codes: StateCodes): void {
  const code = codes[cmk.state]
  if (code !== undefined) throw new Refusal(code, `The CMK is in the state ${cmk.state}.`)
}

function newMaterial(): string {
  return randomBytes(32).toString('base64')
}
