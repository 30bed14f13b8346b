import type { Agent } from 'node:http'
import { EnvelopeError } from '../../errors.js'
import type { CredentialProvider, TencentClient, TencentCredential } from './client.js'

/** The part of the official SDK that both of its packages have, as far as it is used here. */
export interface TencentSdk {
  readonly CommonClient: new (endpoint: string, version: string, config: SdkConfig) => TencentClient
  readonly EnvironmentVariableCredential: new () => CredentialProvider
  readonly ProfileCredential: new () => CredentialProvider
  readonly CvmRoleCredential: new () => CredentialProvider
  readonly OIDCRoleArnCredential: new () => CredentialProvider
}

interface SdkConfig {
  readonly credential: TencentCredential
  readonly region: string
  readonly profile: {
    readonly language: 'en-US'
    readonly httpProfile: {
      /** With the slashes. */
      readonly protocol: string
      /** Host, and port where it is not the usual one. */
      readonly endpoint: string
      /** Seconds; 0 for none. */
      readonly reqTimeout: number
      readonly agent: Agent
    }
  }
}

/**
 * The common part alone: the root of the full package would load all of the vendor's products. Imported when it is first
 * needed, since both packages are optional; and each inside a `try`, which tells bundlers that it may be missing.
 */
async function fullPackage(): Promise<unknown> {
  try {
    return await import('tencentcloud-sdk-nodejs/tencentcloud/common/index.js')
  } catch (cause) {
    throw new Error('tencentcloud-sdk-nodejs cannot be loaded', { cause })
  }
}

async function lightPackage(): Promise<unknown> {
  try {
    return await import('tencentcloud-sdk-nodejs-common')
  } catch (cause) {
    throw new Error('tencentcloud-sdk-nodejs-common cannot be loaded', { cause })
  }
}

const PACKAGES: readonly (() => Promise<unknown>)[] = [fullPackage, lightPackage]

/** @throws EnvelopeError KMS_SDK_MISSING where neither package is installed */
export async function loadSdk(packages: readonly (() => Promise<unknown>)[] = PACKAGES): Promise<TencentSdk> {
  let cause: unknown
  for (const load of packages) {
    try {
      const module = (await load()) as { readonly default?: unknown }
      // CommonJS: what Node.js finds by name in it depends on how it was compiled, `default` has everything.
      return (module.default ?? module) as TencentSdk
    } catch (error) {
      cause ??= error
    }
  }
  throw new EnvelopeError('KMS_SDK_MISSING', 'the Tencent Cloud SDK cannot be loaded', { cause })
}
