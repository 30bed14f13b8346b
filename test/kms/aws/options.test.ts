import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { awsKms, type AwsKmsOptions } from '../../../src/kms/aws/index.js'
import { thrownBy } from '../../support/emissions.js'
import { CMK, kmsOf, PEM, SECRET, signal } from './service.js'

/** The paths of the mistakes in `options`. */
function mistakes(options: unknown): string[] {
  try {
    awsKms(options as AwsKmsOptions)
    return []
  } catch (error) {
    if (!(error instanceof EnvelopeError) || error.code !== 'CONFIG_INVALID') throw error
    for (const secret of [SECRET.secretAccessKey, 'hunter2']) expect(error.message).not.toContain(secret)
    return error.issues.map(({ path }) => path)
  }
}

const arnIn = ([partition, region]: readonly [string, string]): string =>
  `arn:${partition}:kms:${region}:111122223333:key/mrk-1`
const IN_PARTITION = (
  [
    ['aws', 'eu-west-1'],
    ['aws', 'us-east-1'],
    // Regions and partitions to come
    ['aws', 'xx-north-9'],
    ['aws-mars', 'mars-north-1'],
    ['aws-cn', 'cn-north-1'],
    ['aws-us-gov', 'us-gov-west-1'],
    ['aws-iso', 'us-iso-east-1'],
    ['aws-iso-b', 'us-isob-east-1'],
    ['aws-iso-e', 'eu-isoe-west-1'],
    ['aws-iso-f', 'us-isof-south-1'],
    ['aws-eusc', 'eusc-de-east-1'],
  ] as const
).map(arnIn)
const NOT_IN_PARTITION = (
  [
    ['aws', 'cn-north-1'],
    ['aws', 'us-gov-west-1'],
    ['aws', 'us-iso-east-1'],
    ['aws-cn', 'eu-west-1'],
    ['aws-us-gov', 'us-east-1'],
    ['aws-iso', 'us-isob-east-1'],
    ['aws-mars', 'cn-north-1'],
  ] as const
).map(arnIn)

const client = (): never => {
  throw new Error('not called')
}

describe('options of awsKms()', () => {
  it.each<AwsKmsOptions | undefined>([
    undefined,
    {},
    { credentials: SECRET },
    { credentials: { ...SECRET, sessionToken: 'token', expiration: new Date() } },
    { credentials: () => Promise.resolve(SECRET) },
    { client },
    { client, cmks: { [CMK]: { type: 'rsa-2048' } } },
    { cmks: { [CMK]: { type: 'rsa-2048', publicKey: PEM } } },
    { cmks: { [CMK]: { type: 'rsa-4096' } } },
    { cmks: { [CMK]: { type: 'symmetric', dek: 'encrypt' } } },
    ...IN_PARTITION.map((id) => ({ cmks: { [id]: { type: 'symmetric' as const } } })),
    { endpoint: 'https://kms.{region}.example.com:8443' },
    { endpoint: 'http://127.0.0.1:8080' },
    { endpoint: 'http://[::1]:8080' },
    { requestTimeout: '1ms', quota: { symmetric: 0.01 } },
  ])('options of awsKms() %j are accepted', (options) => {
    expect(mistakes(options)).toEqual([])
  })

  it.each<[unknown, string[]]>([
    [null, ['(root)']],
    [{ credentials: 'default' }, ['credentials']],
    [{ credentials: { accessKeyId: 'id' } }, ['credentials.secretAccessKey']],
    [{ credentials: { ...SECRET, secretKey: 'hunter2' } }, ['credentials.secretKey']],
    [{ client, credentials: SECRET, endpoint: 'https://x' }, ['credentials', 'endpoint']],
    [{ client: {} }, ['client']],
    [{ region: 'eu-west-1' }, ['region']],
    [{ cmks: { orders: { type: 'symmetric' } } }, ['cmks.orders']],
    [
      { cmks: { 'arn:aws:kms:eu-west-1:111122223333:alias/orders': { type: 'symmetric' } } },
      ['cmks.arn:aws:kms:eu-west-1:111122223333:alias/orders'],
    ],
    ...NOT_IN_PARTITION.map((id): [unknown, string[]] => [
      { cmks: { [id]: { type: 'symmetric' } } },
      [`cmks.${id}`],
    ]),
    [{ cmks: { [CMK]: { type: 'rsa' } } }, [`cmks.${CMK}.type`]],
    [{ cmks: { [CMK]: { type: 'symmetric', publicKey: PEM } } }, [`cmks.${CMK}.publicKey`]],
    [{ cmks: { [CMK]: { type: 'symmetric', dek: 'local' } } }, [`cmks.${CMK}.dek`]],
    [{ cmks: { [CMK]: { type: 'rsa-3072', publicKey: PEM } } }, [`cmks.${CMK}.publicKey`]],
    [{ cmks: { [CMK]: { type: 'rsa-2048', publicKey: 'hunter2' } } }, [`cmks.${CMK}.publicKey`]],
    [{ endpoint: 'kms.example.com' }, ['endpoint']],
    [{ endpoint: 'ftp://x' }, ['endpoint']],
    [{ endpoint: 'https://x/path' }, ['endpoint']],
    [{ endpoint: 'https://kms.{regoin}.example.com' }, ['endpoint']],
    [{ endpoint: 'https://kms.example.com?' }, ['endpoint']],
    [{ endpoint: 'https://user:hunter2@x' }, ['endpoint']],
    // DEKs would go over it in the clear.
    [{ endpoint: 'http://kms.example.com' }, ['endpoint']],
    [{ endpoint: 'http://127.evil.example' }, ['endpoint']],
    [
      { requestTimeout: '0ms', quota: { symmetric: 0, rsa: 100_001 } },
      ['requestTimeout', 'quota.symmetric', 'quota.rsa'],
    ],
    [{ requestTimeout: 60_001, quota: { ecc: 1 } }, ['requestTimeout', 'quota.ecc']],
  ])('options of awsKms() %j are refused immediately, each mistake with its path', (options, paths) => {
    expect(mistakes(options)).toEqual(paths)
  })

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error(SECRET.secretAccessKey)
      },
    ],
    ['returns nothing', () => undefined],
    ['returns something else', () => ({ send: 'no' })],
  ])('a factory of clients that %s is not an outage: waiting would not help', async (_, make) => {
    const kms = awsKms({ client: make as () => never })
    const failure = await thrownBy(() => kms.generateDek({ cmkId: CMK, context: {}, signal }))
    expect(failure).toMatchObject({ code: 'KMS_REFUSED', retriable: false })
    expect(String(failure)).not.toContain(SECRET.secretAccessKey)
  })
})

it.each(NOT_IN_PARTITION)(
  'the CMK %s names a region of another partition, so no process starts with it',
  async (id) => {
    const failure = await thrownBy(() => kmsOf({ send: client }).describe(id, signal))
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(String(failure)).toContain('copy the ARN')
  },
)

describe('the replicas of a multi-region key', () => {
  const arn = (region: string, key: string, account = '111122223333', partition = 'aws'): string =>
    `arn:${partition}:kms:${region}:${account}:key/${key}`
  const MRK = 'mrk-1234abcd12ab34cd56ef1234567890ab'
  const here = arn('eu-west-1', MRK)
  const unwrapsFor = async (id: string): Promise<((other: string) => boolean) | undefined> =>
    (await kmsOf({ send: client }).describe(id, signal)).unwrapsFor

  it.each([
    ['in another region', arn('us-east-1', MRK), true],
    ['itself', here, true],
    ['of another account', arn('us-east-1', MRK, '444455556666'), false],
    ['of another partition', arn('us-east-1', MRK, '111122223333', 'aws-cn'), false],
    ['another multi-region key', arn('us-east-1', `${MRK}0`), false],
    ['a key of one region', arn('us-east-1', '5b3c1a9e-1d2f-4c6b-9a0e-7f8d6c5b4a39'), false],
    ['not an ARN', MRK, false],
    ['a region that is a host', arn('us-east-1.evil.example', MRK), false],
  ])('the replicas of a multi-region key unwrap for each other: %s', async (_, other, does) => {
    expect((await unwrapsFor(here))?.(other)).toBe(does)
  })

  it('a key of one region unwraps for no other, even of the same id', async () => {
    expect(await unwrapsFor(CMK)).toBeUndefined()
  })
})
