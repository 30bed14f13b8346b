/** The token that calls are made with. */
export interface Tokens {
  /** @throws EnvelopeError KMS_CREDENTIALS_UNAVAILABLE; as a call does if a login fails; as `cancelled` says */
  get(signal: AbortSignal): Promise<string>
  /** Another token, because the service refused this one; undefined if there is none. Throws as `get` does. */
  instead(refused: string, signal: AbortSignal): Promise<string | undefined>
  close(): void
}
