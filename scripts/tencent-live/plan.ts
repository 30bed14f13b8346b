import { parseCmkName } from '../../src/kms/tencent/cmk-name.js'
import { whyNoEndpoint } from '../../src/kms/tencent/endpoint.js'

/** The plan of `npm run test:tencent-live`. */
export interface LivePlan {
  /** `<region>/<key id>`. */
  readonly symmetric: string | undefined
  readonly rsa: string | undefined
  readonly endpoint: string
  /** The number of calls that it will make to the service. */
  readonly calls: number
}

/** The vendor's list price. */
export const DOLLARS_PER_CALL: number = 0.18 / 10_000
/** 4 and 2 calls for the two ways to make a DEK, 2 for a secret, and 7 for facts. */
const SYMMETRIC_CALLS = 15
/** 2 calls with a fetched public key, 1 with a pinned one, and 2 for facts. */
const RSA_CALLS = 5

const SYMMETRIC = 'TENCENT_KMS_SYMMETRIC_CMK'
const RSA = 'TENCENT_KMS_RSA_CMK'
const ENDPOINT = 'TENCENT_KMS_ENDPOINT'

export const USAGE = `usage: npm run test:tencent-live

Runs the contract of KMS providers against Tencent Cloud KMS itself, and checks what could only be assumed of it.
By hand only: it costs money, little, and never runs in CI. It makes, changes and deletes no CMK.

  TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY    credentials; TENCENTCLOUD_SESSION_TOKEN too if they are temporary
  ${SYMMETRIC}    <region>/<key id> of a symmetric CMK: GenerateDataKey, Encrypt, Decrypt and ReEncrypt allowed
  ${RSA}          <region>/<key id> of an RSA-2048 one for decryption: GetPublicKey and AsymmetricRsaDecrypt
  ${ENDPOINT}         regional (default), internal, international or an origin

At least one of the CMKs is needed. The identity needs these permissions on all keys ("*"); otherwise the answer for a
CMK that does not exist is a denial.
`

/** @returns the plan, or why there is nothing to do */
export function planOf(env: NodeJS.ProcessEnv): LivePlan | string {
  const given = (name: string): string | undefined => (env[name] === '' ? undefined : env[name])
  if (given('CI') !== undefined) return 'CI is set, and this never runs in CI'
  const missing = ['TENCENTCLOUD_SECRET_ID', 'TENCENTCLOUD_SECRET_KEY'].filter((name) => !given(name))
  if (missing.length > 0) return `not set: ${missing.join(', ')}`
  const [symmetric, rsa, endpoint = 'regional'] = [SYMMETRIC, RSA, ENDPOINT].map(given)
  if (symmetric === undefined && rsa === undefined) return `not set: ${SYMMETRIC} or ${RSA}`
  for (const [name, id] of [
    [SYMMETRIC, symmetric],
    [RSA, rsa],
  ] as const) {
    if (id !== undefined && parseCmkName(id) === undefined) return `${name} is not <region>/<key id>`
  }
  const why = whyNoEndpoint(endpoint)
  if (why !== undefined) return `${ENDPOINT}: ${why}`
  const calls = (symmetric === undefined ? 0 : SYMMETRIC_CALLS) + (rsa === undefined ? 0 : RSA_CALLS)
  return { symmetric, rsa, endpoint, calls }
}
