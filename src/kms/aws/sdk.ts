import { EnvelopeError } from '../../errors.js'
import type { AwsCredentialProvider, AwsCredentials, AwsKmsClient } from './client.js'

type Command = new (input: Readonly<Record<string, unknown>>) => SdkCommand

export interface SdkCommand {
  /** The steps that a client of the SDK takes to send this command, besides its own. */
  readonly middlewareStack: {
    add(
      middleware: (next: (args: unknown) => unknown) => (args: unknown) => unknown,
      options: { readonly step: 'initialize' | 'deserialize' },
    ): void
  }
}

/** The parts of the SDK that are used here. */
export interface AwsSdk {
  readonly KMSClient: new (config: SdkClientConfig) => SdkClient
  readonly GenerateDataKeyCommand: Command
  readonly EncryptCommand: Command
  readonly DecryptCommand: Command
  readonly ReEncryptCommand: Command
  readonly GetPublicKeyCommand: Command
}

export interface SdkClient extends AwsKmsClient {
  readonly config: {
    /** Remembers them until shortly before they expire. */
    readonly credentials: (options?: { readonly forceRefresh?: boolean }) => Promise<AwsCredentials>
  }
  destroy(): void
}

export interface SdkClientConfig {
  readonly region: string
  readonly maxAttempts: number
  /** Endpoints in the environment and in shared files would decide where DEKs go. */
  readonly ignoreConfiguredEndpointUrls: true
  readonly requestHandler: {
    readonly httpAgent: { readonly keepAlive: true; readonly maxSockets: number }
    readonly httpsAgent: { readonly keepAlive: true; readonly maxSockets: number }
  }
  readonly endpoint?: string
  readonly credentials?: AwsCredentials | AwsCredentialProvider
}

/**
 * The import happens on first use, since the package is optional, and inside a `try`, which tells bundlers that it may
 * be missing.
 */
async function installed(): Promise<unknown> {
  try {
    return await import('@aws-sdk/client-kms')
  } catch (cause) {
    throw new Error('@aws-sdk/client-kms cannot be loaded', { cause })
  }
}

/** @throws EnvelopeError KMS_SDK_MISSING if the package is not installed */
export async function loadSdk(load: () => Promise<unknown> = installed): Promise<AwsSdk> {
  try {
    return (await load()) as AwsSdk
  } catch (cause) {
    throw new EnvelopeError('KMS_SDK_MISSING', 'the AWS SDK cannot be loaded', {
      cause,
      remedy: 'Run `npm install @aws-sdk/client-kms`',
    })
  }
}
