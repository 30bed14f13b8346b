import { createPublicKey, randomBytes } from 'node:crypto'
import { subscribe } from 'node:diagnostics_channel'
import { CommonClient, EnvironmentVariableCredential } from 'tencentcloud-sdk-nodejs-common'
import { afterAll, describe, expect, it } from 'vitest'
import { planOf } from '../../scripts/tencent-live/plan.js'
import { canonicalContext } from '../../src/envelope/context.js'
import { parseCmkName, type CmkName } from '../../src/kms/tencent/cmk-name.js'
import { MAX_SECRET_BYTES, secretContext } from '../../src/kms/secret.js'
import { endpointOf } from '../../src/kms/tencent/endpoint.js'
import { tencentKms, type TencentCmkOptions } from '../../src/kms/tencent/index.js'
import { NO_BLOB } from '../../src/kms/tencent/symmetric.js'
import { describeKmsContract, type KmsUnderTest } from '../contract/kms-contract.js'

const plan = planOf(process.env)
if (typeof plan === 'string') throw new Error(plan)
const { symmetric, rsa, endpoint, calls } = plan

let made = 0
subscribe('http.client.request.start', () => {
  made++
})

/** The findings, for the maintainers of the documentation. */
const facts: string[] = []
afterAll(() => {
  process.stdout.write(
    `\n${facts.map((fact) => `  ${fact}`).join('\n')}\n\n  ${String(made)} calls were made\n`,
  )
  expect(made, 'calls were made').toBe(calls)
})

function contractOf(id: string, options: TencentCmkOptions): KmsUnderTest {
  const isRsa = options.type === 'rsa-2048'
  return {
    kms: tencentKms({ endpoint, credentials: 'environment', cmks: { [id]: options } }),
    cmkId: id,
    // The laws that these are for need many calls.
    otherCmkId: id,
    unknownCmkId: id,
    description: {
      provider: isRsa ? 'tencent-kms/rsa-oaep-sha256' : 'tencent-kms',
      publicKeyWraps: isRsa,
    },
    describesFromConfiguration: true,
    ignoresContext: isRsa,
    wrapsOffline: isRsa,
  }
}

/** The SDK itself: what it answers, or the code that it throws with. */
async function ask(
  { region }: CmkName,
  action: string,
  params: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, unknown>>> {
  const { protocol, host } = endpointOf(endpoint, region)
  const credential = await new EnvironmentVariableCredential().getCredential()
  const client = new CommonClient(host, '2019-01-18', {
    credential,
    region,
    profile: { httpProfile: { protocol: `${protocol}//`, endpoint: host, reqTimeout: 10 } },
  })
  try {
    return (await client.request(action, params)) as Record<string, unknown>
  } catch (error) {
    return { code: (error as { code?: unknown }).code ?? String(error) }
  }
}

function named(id: string): CmkName {
  const name = parseCmkName(id)
  if (name === undefined) throw new Error(`${id} is not <region>/<key id>`)
  return name
}

/** Records the behaviour of the service, and fails if something else was assumed. */
function note(what: string, found: unknown, assumed: unknown): void {
  const same = found === assumed
  facts.push(`${what}: ${String(found)}${same ? ', as assumed' : `, WHERE ${String(assumed)} WAS ASSUMED`}`)
  expect.soft(found, what).toBe(assumed)
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

if (symmetric !== undefined) {
  const cmk = named(symmetric)
  describeKmsContract(
    'tencent, symmetric, DEKs by GenerateDataKey',
    () => Promise.resolve(contractOf(symmetric, { type: 'symmetric' })),
    { laws: 'few' },
  )
  describeKmsContract(
    'tencent, symmetric, DEKs by Encrypt',
    () => Promise.resolve(contractOf(symmetric, { type: 'symmetric', dek: 'encrypt' })),
    { laws: 'round trip' },
  )

  describe('what is assumed of symmetric CMKs', () => {
    let blob = ''

    it('a ciphertext blob is three parts of base64 joined by -k-, of some 210 characters', async () => {
      const params = { KeyId: cmk.keyId, KeySpec: 'AES_256', EncryptionContext: '{"a":"1","b":"2"}' }
      const answer = await ask(cmk, 'GenerateDataKey', params)
      blob = text(answer['CiphertextBlob'])
      expect(answer['code']).toBeUndefined()
      // The behaviour that the provider relies on.
      expect(blob).toMatch(/^[!-~]{1,1024}$/)
      const parts = blob.split('-k-')
      const lengths = parts.map((part) => String(part.length)).join(' + ')
      facts.push(
        `the parts of a blob have ${lengths} characters, with what joins them ${String(blob.length)}`,
      )
      const isBase64 = parts.every((part) => /^[A-Za-z0-9+/]+={0,2}$/.test(part))
      note('parts of a blob', parts.length, 3)
      note('whether all of them are base64', isBase64, true)
    })

    const decrypt = async (EncryptionContext: string, CiphertextBlob = blob): Promise<unknown> =>
      (await ask(cmk, 'Decrypt', { CiphertextBlob, EncryptionContext }))['code'] ?? 'it opens'
    const INVALID = 'InvalidParameterValue.InvalidCiphertext'

    it('an encryption context is compared byte for byte', async () => {
      note('the same context, written otherwise', await decrypt('{"b":"2", "a":"1"}'), INVALID)
    })

    it('another context is answered as a ciphertext that is not valid', async () => {
      note('another context', await decrypt('{"a":"1","b":"3"}'), INVALID)
    })

    it('a damaged blob is refused with a code that says so', async () => {
      const at = blob.length - 8
      const damaged = blob.slice(0, at) + (blob[at] === 'A' ? 'B' : 'A') + blob.slice(at + 1)
      note('a damaged blob', await decrypt('{"a":"1","b":"2"}', damaged), INVALID)
    })

    it('a secret of 4,096 bytes is encrypted with the context that marks secrets, and its blob fits', async () => {
      const Plaintext = Buffer.alloc(MAX_SECRET_BYTES, 'x').toString('base64')
      const EncryptionContext = canonicalContext(secretContext({ app: 'billing' }))
      const sealed = await ask(cmk, 'Encrypt', { KeyId: cmk.keyId, Plaintext, EncryptionContext })
      const CiphertextBlob = text(sealed['CiphertextBlob'])
      expect(sealed['code']).toBeUndefined()
      expect(CiphertextBlob).toMatch(/^[!-~]{1,8192}$/)
      facts.push(`a blob of 4,096 bytes has ${String(CiphertextBlob.length)} characters`)
      const opened = await ask(cmk, 'Decrypt', { CiphertextBlob, EncryptionContext })
      note('whether a secret decrypts', opened['Plaintext'] === Plaintext, true)
    })

    it('the bytes that verify() sends for an identity that may only decrypt are refused with a code that says so', async () => {
      note('what is no blob', await decrypt('{"a":"1","b":"2"}', NO_BLOB), INVALID)
    })

    it('re-encryption under the same CMK names it twice, and returns the same blob, since the CMK was not rotated', async () => {
      const context = '{"a":"1","b":"2"}'
      const contexts = { SourceEncryptionContext: context, DestinationEncryptionContext: context }
      const params = { CiphertextBlob: blob, DestinationKeyId: cmk.keyId, ...contexts }
      const { CiphertextBlob, KeyId, SourceKeyId, ReEncrypted, code } = await ask(cmk, 'ReEncrypt', params)
      note('the code of re-encryption', code, undefined)
      note('the CMK that decrypted', SourceKeyId, cmk.keyId)
      note('the CMK that encrypted', KeyId, cmk.keyId)
      note('whether it re-encrypted', ReEncrypted, false)
      note('whether the blob is the same', CiphertextBlob === blob, true)
    })

    it('a CMK that does not exist is ResourceUnavailable.CmkNotFound', async () => {
      const params = { KeyId: '00000000-0000-4000-8000-000000000000', KeySpec: 'AES_256' }
      const { code } = await ask(cmk, 'GenerateDataKey', params)
      note('a CMK that does not exist', code, 'ResourceUnavailable.CmkNotFound')
    })
  })
}

if (rsa !== undefined) {
  const cmk = named(rsa)
  const publicKey = ask(cmk, 'GetPublicKey', { KeyId: cmk.keyId })

  describe('what is assumed of RSA CMKs', () => {
    it('PublicKey is base64 of an SPKI in DER form', async () => {
      const { PublicKey, PublicKeyPem, code } = await publicKey
      expect(code).toBeUndefined()
      const key = createPublicKey({
        key: Buffer.from(text(PublicKey), 'base64'),
        format: 'der',
        type: 'spki',
      })
      note('bits of the public key', key.asymmetricKeyDetails?.modulusLength, 2048)
      // Nothing relies on it: the vendor's examples disagree.
      const isPem = text(PublicKeyPem).startsWith('-----BEGIN PUBLIC KEY-----')
      facts.push(`PublicKeyPem is ${isPem ? 'a PEM' : 'something else than a PEM'}`)
    })

    it('bytes that open nothing are FailedOperation.DecryptError, as verify() expects', async () => {
      const bytes = Buffer.concat([Buffer.of(0), randomBytes(255)]).toString('base64')
      const params = { KeyId: cmk.keyId, Ciphertext: bytes, Algorithm: 'RSAES_OAEP_SHA_256' }
      const { code } = await ask(cmk, 'AsymmetricRsaDecrypt', params)
      note('what opens nothing', code, 'FailedOperation.DecryptError')
    })
  })

  describeKmsContract('tencent, RSA', () => Promise.resolve(contractOf(rsa, { type: 'rsa-2048' })), {
    laws: 'round trip',
  })
  describeKmsContract(
    'tencent, RSA with a pinned public key',
    async () => {
      const der = Buffer.from(text((await publicKey)['PublicKey']), 'base64')
      const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
      return contractOf(rsa, {
        type: 'rsa-2048',
        publicKey: key.export({ type: 'spki', format: 'pem' }).toString(),
      })
    },
    { laws: 'round trip' },
  )
}
