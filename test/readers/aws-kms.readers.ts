import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { awsKms } from '../../src/kms/aws/index.js'
import { faultProxy, type FaultProxy } from '../support/fault-proxy.js'
import {
  arnOf,
  KEYS,
  localKmsProgram,
  REGION,
  startLocalKms,
  suiteOnLocalKms,
  type LocalKms,
} from '../support/servers/local-kms.js'
import {
  altered,
  OPENS,
  outcomes,
  READERS,
  sealedBy,
  suiteOf,
  verdict,
  type Case,
  type Outcome,
} from './kms-readers.js'

const AWS = 'aws-kms'
const RSA = 'aws-kms/rsa-oaep-sha256'
const context = { tenant: 'acme', env: 'prod' } as const
const [ORDERS, OTHER, RSA_KEY] = [arnOf(KEYS.orders), arnOf(KEYS.other), arnOf(KEYS.rsa)]
const NEAR = arnOf(KEYS.multiRegion)
const FAR = arnOf(KEYS.multiRegion, 'us-east-1')
const MISSING = ORDERS.replace(KEYS.orders, '00000000-0000-4000-8000-000000000000')

const UNWRAP_FAILED: Outcome = { code: 'UNWRAP_FAILED', kind: 'invalid' }
const EXPECTED: Readonly<Record<string, Outcome>> = {
  'with a context': OPENS,
  'without a context': OPENS,
  'sealed before a rotation of the CMK': OPENS,
  'sealed with the public key of an RSA CMK': OPENS,
  'sealed under a replica of another region': OPENS,
  'with another context than it was sealed with': UNWRAP_FAILED,
  'that names another CMK than it was sealed under': UNWRAP_FAILED,
  'that names another RSA CMK than it was sealed under': UNWRAP_FAILED,
  'under a CMK that the rule does not accept': { code: 'NO_CANDIDATE', kind: 'unreadable' },
  'under a CMK that does not exist': { code: 'CMK_NOT_FOUND', kind: 'unreadable' },
  'under a CMK that was disabled': { code: 'CMK_DISABLED', kind: 'unreadable' },
  'whose reader lacks the right to decrypt': { code: 'KMS_DENIED', kind: 'unreadable' },
  'while AWS KMS is away': { code: 'KMS_UNAVAILABLE', kind: 'transient' },
}

const program = await localKmsProgram()

describe.skipIf(program === undefined)(`AWS KMS ${suiteOnLocalKms(program)}`, () => {
  let service: LocalKms
  let denying: FaultProxy
  let ofReplica: FaultProxy
  let cases: readonly Case[]

  beforeAll(async () => {
    service = await startLocalKms(program ?? '')
    ofReplica = await faultProxy(service.url)
    // local-kms has no policies, so something in front of it answers as AWS KMS does to an identity without the right.
    denying = await faultProxy(service.url)
    denying.inject({ kind: 'answer', status: 400, body: '{"__type":"AccessDeniedException"}' }, Infinity)
    cases = await casesOf(service.url)
    await service.administer('DisableKey', { KeyId: KEYS.other })
  })
  afterAll(async () => {
    await denying.close()
    await ofReplica.close()
    await service.close()
  })

  async function casesOf(url: string): Promise<readonly Case[]> {
    const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret-of-an-example' }
    const kms = () => awsKms({ endpoint: url, credentials, cmks: { [RSA_KEY]: { type: 'rsa-2048' } } })
    const before = await sealedBy(kms, ORDERS, context)
    await service.rotate()
    const sealed = await sealedBy(kms, ORDERS, context)
    const rsa = await sealedBy(kms, RSA_KEY, context)
    const [provider, otherRsa] = [AWS, arnOf(KEYS.otherRsa)]
    const orders = { provider, cmkId: ORDERS, url, envelope: sealed }
    return [
      { ...orders, name: 'with a context' },
      { ...orders, name: 'without a context', envelope: await sealedBy(kms, ORDERS) },
      { ...orders, name: 'sealed before a rotation of the CMK', envelope: before },
      {
        name: 'sealed with the public key of an RSA CMK',
        provider: RSA,
        cmkId: RSA_KEY,
        url,
        envelope: rsa,
      },
      {
        name: 'sealed under a replica of another region',
        provider,
        cmkId: NEAR,
        url: ofReplica.url,
        envelope: await sealedBy(kms, FAR, context),
      },
      {
        ...orders,
        name: 'with another context than it was sealed with',
        envelope: altered(sealed, 'acme', 'acmf'),
      },
      {
        name: 'that names another CMK than it was sealed under',
        provider,
        cmkId: NEAR,
        url,
        envelope: altered(sealed, ORDERS, NEAR),
      },
      {
        name: 'that names another RSA CMK than it was sealed under',
        provider: RSA,
        cmkId: otherRsa,
        url,
        envelope: altered(rsa, RSA_KEY, otherRsa),
      },
      { ...orders, name: 'under a CMK that the rule does not accept', cmkId: NEAR },
      {
        name: 'under a CMK that does not exist',
        provider,
        cmkId: MISSING,
        url,
        envelope: altered(sealed, ORDERS, MISSING),
      },
      {
        name: 'under a CMK that was disabled',
        provider,
        cmkId: OTHER,
        url,
        envelope: await sealedBy(kms, OTHER, context),
      },
      { ...orders, name: 'whose reader lacks the right to decrypt', url: denying.url },
      { ...orders, name: 'while AWS KMS is away', url: 'http://127.0.0.1:1' },
    ]
  }

  it('the table of outcomes has each case once', () => {
    expect(cases.map(({ name }) => name)).toEqual(Object.keys(EXPECTED))
  })

  for (const reader of READERS) {
    describe.skipIf(reader.whyNot !== undefined)(suiteOf(reader), () => {
      let found: ReadonlyMap<string, Outcome>
      beforeAll(async () => {
        found = await outcomes(reader, cases)
      })

      for (const [name, outcome] of Object.entries(EXPECTED)) {
        it(`a record ${name} ${verdict(outcome)} in ${reader.language}`, () => {
          expect(found.get(name)).toEqual(outcome)
        })
      }

      it(`the reader in ${reader.language} asks only the region of its own replica`, () => {
        const regions = ofReplica.requests.map(
          ({ headers }) => /\/([a-z0-9-]+)\/kms\//.exec(String(headers.authorization))?.[1],
        )
        expect(new Set(regions)).toEqual(new Set([REGION]))
      })
    })
  }
})
