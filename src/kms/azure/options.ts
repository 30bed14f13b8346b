import type { Agent } from 'node:http'
import * as v from 'valibot'
import { whyNoBaseUrl } from '../json-service.js'
import { members, NAMED, perSecond } from '../option-schema.js'
import { checkedOptions, serviceOptions, type ServiceOptions } from '../service-options.js'
import type { TokenCredential } from './azure-api.js'
import type { HostOptions } from './key-id.js'
import { DEFAULT_QUOTA } from './limits.js'

/** Options of {@link azureKms}. Unknown members are errors. */
export interface AzureKmsOptions extends ServiceOptions {
  /**
   * A credential of `@azure/identity`, or any object with `getToken(scope)`. It is asked before each request, so it must
   * keep a token for as long as it is valid.
   */
  readonly credential: TokenCredential
  /**
   * Hosts of CMKs outside the domains of Azure, Azure in China and Azure Government, with a port if it is not the usual
   * one: `{ 'vault.example.com:8443': { type: 'vault', scope: 'https://vault.azure.net/.default' } }`. CMKs at any other
   * host are refused, because access tokens and DEKs go there.
   */
  readonly hosts?: Readonly<Record<string, HostOptions>>
  /**
   * Calls a second that this process may make to a vault or Managed HSM. Set it to what the vault takes, divided by the
   * number of processes that call at the same time. Above 0, at most 100,000. Default 320: four fifths of what a vault
   * takes for 2,048-bit software keys. Larger keys, and keys in HSMs, have lower limits.
   */
  readonly quota?: number
}

/** Valid options, with defaults filled in. */
export interface CheckedOptions {
  readonly credential: TokenCredential
  readonly hosts: Readonly<Record<string, HostOptions>>
  readonly ca: string | undefined
  readonly agent: Agent | undefined
  readonly requestTimeoutMs: number
  readonly quota: number
}

const isHost = (text: string): boolean =>
  whyNoBaseUrl(`https://${text}`) === undefined && new URL(`https://${text}`).host === text

const schema = members({
  credential: v.custom<TokenCredential>(
    (value) => typeof (value as Partial<TokenCredential> | null | undefined)?.getToken === 'function',
    'expected an object with getToken(), such as a credential of @azure/identity',
  ),
  hosts: v.optional(
    v.record(
      v.pipe(v.string(), v.check(isHost, 'expected a host such as vault.example.com:8443, in small letters')),
      members({
        type: v.picklist(['vault', 'managed-hsm'], "expected 'vault' or 'managed-hsm'"),
        scope: v.pipe(
          v.string('expected a scope such as https://vault.azure.net/.default'),
          v.regex(/^https:\/\/[!-~]{1,200}$/, 'expected a scope such as https://vault.azure.net/.default'),
        ),
      }),
      NAMED,
    ),
    {},
  ),
  ...serviceOptions,
  quota: perSecond(DEFAULT_QUOTA),
})

/** @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`; no message repeats a value */
export function checkOptions(options: AzureKmsOptions): CheckedOptions {
  const { requestTimeout, ca, agent, ...rest } = checkedOptions(schema, options, 'azureKms()')
  return { ...rest, ca, agent, requestTimeoutMs: requestTimeout }
}
