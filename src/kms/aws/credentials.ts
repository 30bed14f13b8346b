import type { AwsCredentialProvider, AwsCredentials } from './client.js'

/** The error of a source that gave something other than credentials. */
export class NotCredentials extends Error {}

function isVisible(value: unknown): value is string {
  return typeof value === 'string' && /^[!-~]+$/.test(value)
}

/**
 * A source that fails if the application's gives something other than credentials. The SDK would sign calls with it, which
 * look like denials, and would keep it for ever.
 *
 * @throws NotCredentials
 */
export function checkedSource(source: AwsCredentialProvider): AwsCredentialProvider {
  // The SDK passes the configuration of its client, which sources of `@aws-sdk/credential-providers` need.
  return async (...configuration: []) => {
    const given: unknown = await source(...configuration)
    if (areCredentials(given)) return given
    throw new NotCredentials()
  }
}

function areCredentials(given: unknown): given is AwsCredentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = (given ?? {}) as Partial<
    Record<keyof AwsCredentials, unknown>
  >
  return (
    isVisible(accessKeyId) &&
    isVisible(secretAccessKey) &&
    ((sessionToken ?? '') === '' || isVisible(sessionToken)) &&
    (expiration === undefined || (expiration instanceof Date && !Number.isNaN(expiration.getTime())))
  )
}
