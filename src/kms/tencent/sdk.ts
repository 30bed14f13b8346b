import type { Agent } from 'node:http'
import { EnvelopeError } from '../../errors.js'
import type { CredentialProvider, TencentClient, TencentCredential } from './client.js'

/** The parts of the official SDK that are used here. Both of its packages have them. */
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
      /** Host, and the port if it is not the default one. */
      readonly endpoint: string
      /** Seconds; 0 for none. */
      readonly reqTimeout: number
      readonly agent: Agent
    }
  }
}

/**
 * Imports only the common part: the root of the full package would load all of the vendor's products. The import
 * happens on first use, since both packages are optional, and inside a `try`, which tells bundlers that a package may
 * be missing.
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

/** @throws EnvelopeError KMS_SDK_MISSING if neither package is installed */
export async function loadSdk(packages: readonly (() => Promise<unknown>)[] = PACKAGES): Promise<TencentSdk> {
  let cause: unknown
  for (const load of packages) {
    try {
      const module = (await load()) as { readonly default?: unknown }
      // The SDK is CommonJS. Which named exports Node.js finds depends on how it was compiled, but `default` has
      // everything.
      return (module.default ?? module) as TencentSdk
    } catch (error) {
      cause ??= error
    }
  }
  throw new EnvelopeError('KMS_SDK_MISSING', 'the Tencent Cloud SDK cannot be loaded', { cause })
}
