import type { KeyObject } from 'node:crypto'
import * as v from 'valibot'
import { configError, EnvelopeError, type ConfigIssue } from '../../errors.js'
import { duration, type Duration } from '../../units.js'
import { members, NAMED, oneOfKinds, parseOptions, perSecond } from '../option-schema.js'
import type { TencentClient } from './client.js'
import { CMK_NAME } from './cmk-name.js'
import { NAMED_PROVIDERS, type NamedProvider, type TencentCredentials } from './credentials.js'
import { ENDPOINT_FORM, endpointOf, whyNoEndpoint, type EndpointOption } from './endpoint.js'
import { DEFAULT_QUOTA, type Quota } from './limits.js'
import { readRsa2048 } from './rsa.js'
import type { DekSource } from './symmetric.js'

/**
 * Options of {@link tencentKms}. Unknown members are errors. Either `credentials` or `client` is needed,
 * unless the process only wraps with pinned public keys.
 */
export interface TencentKmsOptions {
  readonly credentials?: TencentCredentials
  /**
   * Makes your own client, once for each region that a CMK names. Such clients have their own credentials, agents and
   * endpoints, so `client` excludes `credentials`, `endpoint` and `proxy`.
   */
  readonly client?: (region: string) => TencentClient
  /**
   * By `<region>/<key id>`. Default none: a CMK that is not listed is symmetric, and its DEKs come from
   * `GenerateDataKey`.
   */
  readonly cmks?: Readonly<Record<string, TencentCmkOptions>>
  /** Which host serves KMS: `regional`, `internal`, `international` or an origin. Default `regional`. */
  readonly endpoint?: EndpointOption
  /** URL of an HTTP proxy. Default none, whatever the environment says. */
  readonly proxy?: string
  /**
   * How long one request may take, and how long `credentials` may take to give a credential: 1ms to 1m; a number is
   * milliseconds, at least 1,000. Default 10s: a request that is given up too early makes a DEK that no caller receives.
   * It is half of the default `kmsTimeout`, so a request that timed out is not sent again.
   */
  readonly requestTimeout?: Duration
  /**
   * Calls a second that this process may make to a region, for each family of calls that shares a quota. Set it to what
   * your edition grants, divided by the number of processes that call at the same time. Above 0, at most 100,000 each.
   * Defaults `symmetric: 240` and `rsa: 160`: four fifths of the quota of an account without an edition. The larger one
   * also limits concurrent calls to a region: as many as it takes to use the quota up if a call takes 50 ms, at least
   * 64.
   */
  readonly quota?: Partial<Quota>
}

/**
 * The type of a CMK. The service is not asked for it: that would need one more permission, and every region at start.
 */
export type TencentCmkOptions = SymmetricCmkOptions | RsaCmkOptions

export interface SymmetricCmkOptions {
  /** The type of the CMK: a symmetric key. */
  readonly type: 'symmetric'
  /** Where DEKs come from: the KMS (`generate`, default), or this process, wrapped by the KMS (`encrypt`). */
  readonly dek?: DekSource
}

export interface RsaCmkOptions {
  /** The type of the CMK: an RSA key. */
  readonly type: 'rsa-2048'
  /**
   * The public key in PEM form. With it, sealing needs neither the service nor credentials nor the SDK. Default: the
   * service is asked for it.
   */
  readonly publicKey?: string
}

/** Valid options, with defaults filled in. */
export interface CheckedOptions {
  readonly credentials: TencentCredentials | undefined
  readonly client: ((region: string) => TencentClient) | undefined
  readonly cmks: ReadonlyMap<string, CheckedCmk>
  readonly endpoint: EndpointOption
  readonly proxy: string | undefined
  readonly requestTimeoutMs: number
  readonly quota: Quota
}

export type CheckedCmk =
  | { readonly type: 'symmetric'; readonly dek: DekSource }
  | { readonly type: 'rsa-2048'; readonly publicKey: KeyObject | undefined }

const VISIBLE = 'expected visible ASCII characters'
const visible = v.pipe(v.string(VISIBLE), v.regex(/^[!-~]+$/, VISIBLE))

export const credential = members({
  secretId: visible,
  secretKey: visible,
  token: v.optional(visible),
})

const provider = v.custom<Extract<TencentCredentials, { getCredential: unknown }>>(
  (value) => typeof (value as { getCredential?: unknown } | null)?.getCredential === 'function',
  'expected an object with getCredential()',
)

const PROXY = 'expected a URL such as http://proxy.example.com:3128'

/** The options that are plain data: a configuration file has them too. */
export const plainOptions = {
  cmks: v.optional(
    v.record(
      v.pipe(v.string('expected <region>/<key id>'), v.regex(CMK_NAME, 'expected <region>/<key id>')),
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
            type: v.literal('rsa-2048'),
            publicKey: v.optional(v.string('expected a public key in PEM form')),
          }),
        ],
        oneOfKinds('type', "'symmetric' or 'rsa-2048' (SM2 is not supported)"),
      ),
      NAMED,
    ),
    {},
  ),
  endpoint: v.optional(
    v.pipe(
      v.string('expected a name or an origin'),
      v.rawCheck(({ dataset, addIssue }) => {
        const why = dataset.typed ? whyNoEndpoint(dataset.value) : undefined
        if (why !== undefined) addIssue({ message: why })
      }),
      v.metadata({ pattern: ENDPOINT_FORM }),
    ),
    'regional',
  ),
  proxy: v.optional(
    v.pipe(
      v.string(PROXY),
      v.regex(/^https?:\/\/[^/]/, PROXY),
      v.check((url) => URL.canParse(url), PROXY),
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
      typeof given !== 'object' || given === null
        ? v.picklist<readonly NamedProvider[], string>(
            NAMED_PROVIDERS,
            `expected ${NAMED_PROVIDERS.join(', ')}, a credential or a provider`,
          )
        : 'getCredential' in given
          ? provider
          : credential,
    ),
  ),
  client: v.optional(
    v.custom<(region: string) => TencentClient>(
      (value) => typeof value === 'function',
      'expected a function that takes a region',
    ),
  ),
  ...plainOptions,
})

/** @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`; no message repeats a value */
export function checkOptions(options: TencentKmsOptions): CheckedOptions {
  const { issues, checked } = parseOptions(schema, options)
  if (checked === undefined) throw configError(issues, { subject: 'the options of tencentKms()' })
  const { credentials, client, cmks, endpoint, proxy, requestTimeout, ...numbers } = checked
  if (client === undefined && credentials === undefined && !sealsOffline(options.cmks)) {
    issues.push({ path: 'credentials', message: 'missing; pass `credentials` or, in code, `client`' })
  }
  if (client !== undefined) {
    for (const path of ['credentials', 'endpoint', 'proxy'] as const) {
      if (options[path] !== undefined)
        issues.push({ path, message: 'cannot be combined with `client`: your clients bring their own' })
    }
  }
  // Compares the parsed protocol, because a scheme may be written in capitals.
  if (proxy !== undefined && endpointOf(endpoint, 'ap-guangzhou').protocol === 'http:') {
    issues.push({
      path: 'proxy',
      message: 'cannot be used with a plain http endpoint: the proxy could read DEKs',
    })
  }
  const cmkTypes = new Map(
    Object.entries(cmks).map(([id, cmk]): [string, CheckedCmk] => [
      id,
      cmk.type === 'symmetric' ? cmk : { type: cmk.type, publicKey: pinned(id, cmk.publicKey, issues) },
    ]),
  )
  if (issues.length > 0) throw configError(issues, { subject: 'the options of tencentKms()' })
  return {
    credentials,
    client,
    cmks: cmkTypes,
    endpoint,
    proxy,
    requestTimeoutMs: requestTimeout,
    ...numbers,
  }
}

/** Whether the process only wraps with pinned public keys, and so calls nothing. */
function sealsOffline(cmks: TencentKmsOptions['cmks']): boolean {
  return Object.values(cmks ?? {}).some((cmk) => cmk.type === 'rsa-2048' && cmk.publicKey !== undefined)
}

function pinned(id: string, pem: string | undefined, issues: ConfigIssue[]): KeyObject | undefined {
  if (pem === undefined) return undefined
  try {
    return readRsa2048(pem, (why) => new EnvelopeError('CONFIG_INVALID', why))
  } catch {
    const message = `expected the public key of an RSA-2048 CMK in PEM form`
    issues.push({ path: `cmks.${id}.publicKey`, message })
    return undefined
  }
}
