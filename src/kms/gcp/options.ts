import type { Agent } from 'node:http'
import * as v from 'valibot'
import { whyNoBaseUrl } from '../json-service.js'
import { members, perSecond } from '../option-schema.js'
import {
  checkedOptions,
  plainServiceOptions,
  serviceOptions,
  type ServiceOptions,
} from '../service-options.js'
import { DEFAULT_QUOTA } from './limits.js'

/**
 * Where access tokens come from: a function, or an object with `getAccessToken()`, such as a `GoogleAuth` of
 * `google-auth-library`. It is asked before each request, so it must keep a token for as long as it is valid.
 */
export type AccessTokenSource = (() => Promise<string>) | AccessTokenProvider

export interface AccessTokenProvider {
  getAccessToken(): Promise<string | null | undefined | { readonly token?: string | null | undefined }>
}

/** Options of {@link gcpKms}. Unknown members are errors. */
export interface GcpKmsOptions extends ServiceOptions {
  readonly accessToken: AccessTokenSource
  /**
   * The address of the service: that of a region (`https://cloudkms.europe-west3.rep.googleapis.com`), or your own
   * endpoint of Private Service Connect. Default `https://cloudkms.googleapis.com`. Plain http is only for loopback
   * addresses.
   */
  readonly endpoint?: string
  /**
   * Calls a second that this process may make for the keys of a project in a location. Set it to your quota, divided
   * by the number of processes that call at the same time. Above 0, at most 100,000. Default 800: four fifths of the
   * default quota for software keys. That for HSM keys is lower.
   */
  readonly quota?: number
}

/** Valid options, with defaults filled in. */
export interface CheckedOptions {
  readonly token: () => unknown
  readonly endpoint: URL
  readonly ca: string | undefined
  readonly agent: Agent | undefined
  readonly requestTimeoutMs: number
  readonly quota: number
}

/** The options that are plain data: a configuration file has them too. */
export const plainOptions = {
  endpoint: v.optional(
    v.pipe(
      v.string('expected a URL such as https://cloudkms.googleapis.com'),
      v.rawCheck(({ dataset, addIssue }) => {
        const why = dataset.typed ? whyNoBaseUrl(dataset.value) : undefined
        if (why !== undefined) addIssue({ message: why })
      }),
      v.metadata({ pattern: '^https?://.+$' }),
    ),
    'https://cloudkms.googleapis.com',
  ),
  ...plainServiceOptions,
  quota: perSecond(DEFAULT_QUOTA),
}

const schema = members({
  accessToken: v.custom<AccessTokenSource>(
    (value) =>
      typeof value === 'function' ||
      typeof (value as Partial<AccessTokenProvider> | null | undefined)?.getAccessToken === 'function',
    'expected a function that returns an access token, or an object with getAccessToken(), such as GoogleAuth of google-auth-library',
  ),
  ...plainOptions,
  ...serviceOptions,
})

/** @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`; no message repeats a value */
export function checkOptions(options: GcpKmsOptions): CheckedOptions {
  const { accessToken, endpoint, requestTimeout, ca, agent, quota } = checkedOptions(
    schema,
    options,
    'gcpKms()',
  )
  return {
    token: () => tokenOf(accessToken),
    endpoint: new URL(endpoint),
    ca,
    agent,
    requestTimeoutMs: requestTimeout,
    quota,
  }
}

/** Some classes of `google-auth-library` give the token in an object. */
async function tokenOf(source: AccessTokenSource): Promise<unknown> {
  const given: unknown = await (typeof source === 'function' ? source() : source.getAccessToken())
  return typeof given === 'object' && given !== null ? (given as { readonly token?: unknown }).token : given
}
