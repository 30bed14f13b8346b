import type { KeyObject } from 'node:crypto'
import type { Agent } from 'node:http'
import * as v from 'valibot'
import { configError, EnvelopeError, type ConfigIssue } from '../../errors.js'
import { whyNoBaseUrl } from '../json-service.js'
import { members, NAMED, perSecond } from '../option-schema.js'
import {
  checkedOptions,
  plainServiceOptions,
  serviceOptions,
  type ServiceOptions,
} from '../service-options.js'
import { modulusBits, readPublicKey } from '../rsa-public-key.js'
import { BITS, type PublicVersion } from './answers.js'
import type { TokenCredential } from './azure-api.js'
import { VERSION } from './ciphertext-dek.js'
import { parseKeyId, type HostOptions } from './key-id.js'
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
   * host are refused, because access tokens and DEKs go there. Default none.
   */
  readonly hosts?: Readonly<Record<string, HostOptions>>
  /** By id of the CMK: RSA keys in a vault whose public key is pinned. Default none: that of another one comes from
   * its vault. */
  readonly cmks?: Readonly<Record<string, AzureCmkOptions>>
  /**
   * Calls a second that this process may make to a vault or Managed HSM. Set it to what the vault takes, divided by the
   * number of processes that call at the same time. Above 0, at most 100,000. Default 320: four fifths of what a vault
   * takes for 2,048-bit software keys. Larger keys, and keys in HSMs, have lower limits.
   */
  readonly quota?: number
}

/**
 * One version of an RSA key in a vault. Sealing wraps under it without a call to the vault, whatever becomes of the version
 * there, until this is changed.
 */
export interface AzureCmkOptions {
  /** The version: 32 hexadecimal digits. The vault needs it to unwrap. */
  readonly version: string
  /** The public key of this version, in PEM form. */
  readonly publicKey: string
}

/** Valid options, with defaults filled in. */
export interface CheckedOptions {
  readonly credential: TokenCredential
  readonly hosts: Readonly<Record<string, HostOptions>>
  /** Pinned public keys, by id of the CMK. */
  readonly pinned: ReadonlyMap<string, PublicVersion>
  readonly ca: string | undefined
  readonly agent: Agent | undefined
  readonly requestTimeoutMs: number
  readonly quota: number
}

const isHost = (text: string): boolean =>
  whyNoBaseUrl(`https://${text}`) === undefined && new URL(`https://${text}`).host === text

const VERSION_EXPECTED = 'expected the version of the key, 32 hexadecimal digits in small letters'
const PUBLIC_KEY_EXPECTED =
  'expected the public key of an RSA key of 2,048, 3,072 or 4,096 bits in PEM form (az keyvault key download --encoding PEM)'

const HOST = 'expected a host such as vault.example.com:8443, in small letters'

/** The options that are plain data: a configuration file has them too. */
export const plainOptions = {
  hosts: v.optional(
    v.record(
      v.pipe(v.string(HOST), v.check(isHost, HOST), v.metadata({ pattern: '^[a-z0-9.:[\\]-]{1,200}$' })),
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
  cmks: v.optional(
    v.record(
      v.string(),
      members({
        version: v.pipe(v.string(VERSION_EXPECTED), v.regex(VERSION, VERSION_EXPECTED)),
        publicKey: v.string(PUBLIC_KEY_EXPECTED),
      }),
      NAMED,
    ),
    {},
  ),
  ...plainServiceOptions,
  quota: perSecond(DEFAULT_QUOTA),
}

const schema = members({
  credential: v.custom<TokenCredential>(
    (value) => typeof (value as Partial<TokenCredential> | null | undefined)?.getToken === 'function',
    'expected an object with getToken(), such as a credential of @azure/identity',
  ),
  ...plainOptions,
  ...serviceOptions,
})

/** @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`; no message repeats a value */
export function checkOptions(options: AzureKmsOptions): CheckedOptions {
  const { cmks, requestTimeout, ca, agent, ...rest } = checkedOptions(schema, options, 'azureKms()')
  const issues: ConfigIssue[] = []
  const pinned = new Map<string, PublicVersion>()
  for (const [id, { version, publicKey }] of Object.entries(cmks)) {
    if (parseKeyId(id, rest.hosts)?.type !== 'vault')
      issues.push({ path: `cmks.${id}`, message: 'expected the id of a key in a vault, without a version' })
    const key = rsaKey(publicKey)
    if (key === undefined) issues.push({ path: `cmks.${id}.publicKey`, message: PUBLIC_KEY_EXPECTED })
    else pinned.set(id, { version, key })
  }
  if (issues.length > 0) throw configError(issues, { subject: 'the options of azureKms()' })
  return { ...rest, pinned, ca, agent, requestTimeoutMs: requestTimeout }
}

function rsaKey(pem: string): KeyObject | undefined {
  try {
    const key = readPublicKey(pem, (why) => new EnvelopeError('CONFIG_INVALID', why))
    return BITS.includes(modulusBits(key)) ? key : undefined
  } catch {
    return undefined
  }
}
