import type { KeyObject } from 'node:crypto'
import * as v from 'valibot'
import { configError, EnvelopeError, type ConfigIssue } from '../../errors.js'
import { duration, type Duration } from '../../units.js'
import { members, NAMED, oneOfKinds, parseOptions, perSecond } from '../option-schema.js'
import { whyNoOrigin } from '../origin.js'
import type { AwsCredentialProvider, AwsCredentials, AwsKmsClient } from './client.js'
import { CMK_ARN, parseCmkArn, whyNotInPartition } from './cmk-arn.js'
import { DEFAULT_QUOTA, type Quota } from './limits.js'
import { readRsa, type RsaType } from './rsa.js'
import type { DekSource } from './symmetric.js'

/** Options of {@link awsKms}. Unknown members are errors. */
export interface AwsKmsOptions {
  /**
   * Credentials, or a source of them such as those of `@aws-sdk/credential-providers`. By default those that the SDK
   * finds itself: in the environment, shared files, a web identity, the container or the machine.
   */
  readonly credentials?: AwsCredentials | AwsCredentialProvider
  /**
   * Makes your own client, once for each region that a CMK names. Such clients have their own credentials, agents and
   * endpoints, so `client` excludes `credentials` and `endpoint`. Give them `maxAttempts: 1`: this library retries.
   */
  readonly client?: (region: string) => AwsKmsClient
  /** By ARN. Default none: a CMK that is not listed is symmetric, and its DEKs come from `GenerateDataKey`. */
  readonly cmks?: Readonly<Record<string, AwsCmkOptions>>
  /**
   * An origin such as `https://kms.{region}.example.com:8443`, in which `{region}` is replaced by the region of the CMK.
   * By default the SDK's own for the region. Endpoints in the environment and in shared files are ignored.
   */
  readonly endpoint?: string
  /**
   * How long one request may take, and how long the credentials may take: 1ms to 1m; a number is milliseconds, at least
   * 1,000. Default 10s: a request that is given up too early makes a DEK that no caller receives. It is half of the
   * default `kmsTimeout`, so a request that timed out is not sent again.
   */
  readonly requestTimeout?: Duration
  /**
   * Calls a second that this process may make to a region, for each family of calls that shares a quota. Set it to the
   * quota of your account in the region, divided by the number of processes that call at the same time, and leave some
   * to everything else that uses KMS there. Above 0, at most 100,000 each. Defaults `symmetric: 4400` and `rsa: 400`:
   * four fifths of the lowest default quotas. The larger one also limits concurrent calls to a region: as many as it
   * takes to use the quota up if a call takes 50 ms, at least 64.
   */
  readonly quota?: Partial<Quota>
}

/**
 * The type of a CMK. The service is not asked for it: that would need one more permission, and every region at start.
 */
export type AwsCmkOptions = AwsSymmetricCmkOptions | AwsRsaCmkOptions

export interface AwsSymmetricCmkOptions {
  /** The type of the CMK: a symmetric key. */
  readonly type: 'symmetric'
  /** Where DEKs come from: the KMS (`generate`, default), or this process, wrapped by the KMS (`encrypt`). */
  readonly dek?: DekSource
}

export interface AwsRsaCmkOptions {
  /** The type of the CMK: an RSA key of this size. */
  readonly type: RsaType
  /**
   * The public key in PEM form. With it, sealing needs neither the service nor credentials nor the SDK. Default: the
   * service is asked for it.
   */
  readonly publicKey?: string
}

/** Valid options, with defaults filled in. */
export interface CheckedOptions {
  readonly credentials: AwsCredentials | AwsCredentialProvider | undefined
  readonly client: ((region: string) => AwsKmsClient) | undefined
  readonly cmks: ReadonlyMap<string, CheckedCmk>
  readonly endpoint: string | undefined
  readonly requestTimeoutMs: number
  readonly quota: Quota
}

export type CheckedCmk =
  | { readonly type: 'symmetric'; readonly dek: DekSource }
  | { readonly type: RsaType; readonly publicKey: KeyObject | undefined }

const VISIBLE = 'expected visible ASCII characters'
export const visible = v.pipe(v.string(VISIBLE), v.regex(/^[!-~]+$/, VISIBLE))

const credentials = members({
  accessKeyId: visible,
  secretAccessKey: visible,
  sessionToken: v.optional(visible),
  expiration: v.optional(v.date('expected a Date')),
})

const functionOf = <F>(expected: string) =>
  v.custom<F>((value) => typeof value === 'function', `expected ${expected}`)

/** The options that are plain data: a configuration file has them too. */
export const plainOptions = {
  cmks: v.optional(
    v.record(
      v.pipe(
        v.string(),
        v.rawCheck(({ dataset, addIssue }) => {
          const arn = dataset.typed ? parseCmkArn(dataset.value) : undefined
          const why =
            arn === undefined
              ? 'expected arn:aws:kms:<region>:<account>:key/<key id>'
              : whyNotInPartition(arn)
          if (why !== undefined) addIssue({ message: why })
        }),
        v.metadata({ pattern: CMK_ARN.source }),
      ),
      v.variant(
        'type',
        [
          members({
            type: v.literal('symmetric'),
            dek: v.optional(
              v.picklist(['generate', 'encrypt'], "expected 'generate' or 'encrypt'"),
              'generate',
            ),
          }),
          members({
            type: v.picklist<readonly RsaType[]>(['rsa-2048', 'rsa-3072', 'rsa-4096']),
            publicKey: v.optional(v.string('expected a public key in PEM form')),
          }),
        ],
        oneOfKinds('type', "'symmetric', 'rsa-2048', 'rsa-3072' or 'rsa-4096'"),
      ),
      NAMED,
    ),
    {},
  ),
  endpoint: v.optional(
    v.pipe(
      v.string('expected an origin'),
      v.rawCheck(({ dataset, addIssue }) => {
        const why = dataset.typed
          ? whyNoOrigin(dataset.value, 'expected an origin such as https://kms.{region}.example.com')
          : undefined
        if (why !== undefined) addIssue({ message: why })
      }),
      v.metadata({ pattern: '^https?://.+$' }),
    ),
  ),
  requestTimeout: v.optional(duration(1, 60_000, 1000), '10s'),
  quota: v.optional(
    members({
      symmetric: perSecond(DEFAULT_QUOTA.symmetric),
      rsa: perSecond(DEFAULT_QUOTA.rsa),
    }),
    {},
  ),
}

const schema = members({
  credentials: v.optional(
    v.lazy((given) =>
      typeof given === 'object' && given !== null
        ? credentials
        : functionOf<AwsCredentialProvider>('credentials, or a function that returns them'),
    ),
  ),
  client: v.optional(functionOf<(region: string) => AwsKmsClient>('a function that takes a region')),
  ...plainOptions,
})

/** @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`; no message repeats a value */
export function checkOptions(options: AwsKmsOptions): CheckedOptions {
  const { issues, checked } = parseOptions(schema, options)
  if (checked === undefined) throw configError(issues, { subject: 'the options of awsKms()' })
  const { credentials, client, cmks, endpoint, requestTimeout, quota } = checked
  if (client !== undefined) {
    for (const path of ['credentials', 'endpoint'] as const) {
      if (options[path] !== undefined)
        issues.push({ path, message: 'cannot be combined with `client`: your clients bring their own' })
    }
  }
  const cmkTypes = new Map(
    Object.entries(cmks).map(([id, cmk]): [string, CheckedCmk] => [
      id,
      cmk.type === 'symmetric'
        ? cmk
        : { type: cmk.type, publicKey: pinned(id, cmk.type, cmk.publicKey, issues) },
    ]),
  )
  if (issues.length > 0) throw configError(issues, { subject: 'the options of awsKms()' })
  return { credentials, client, cmks: cmkTypes, endpoint, requestTimeoutMs: requestTimeout, quota }
}

function pinned(
  id: string,
  type: RsaType,
  pem: string | undefined,
  issues: ConfigIssue[],
): KeyObject | undefined {
  if (pem === undefined) return undefined
  try {
    return readRsa(pem, type, (why) => new EnvelopeError('CONFIG_INVALID', why))
  } catch {
    const message = `expected the public key of a CMK of type ${type} in PEM form`
    issues.push({ path: `cmks.${id}.publicKey`, message })
    return undefined
  }
}
