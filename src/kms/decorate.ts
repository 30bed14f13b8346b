import type { KmsOperation } from '../events.js'
import type { Kms, KmsCall } from './kms.js'

/** A call to a KMS, as decorators see it. */
export interface DecoratedCall<T> {
  readonly operation: KmsOperation
  readonly cmkId: string
  /** The CMK that a DEK is re-encrypted under. Only for `rewrap`. */
  readonly toCmkId?: string
  readonly signal: AbortSignal
  /** Wipes the DEK or the secret in a result that arrives too late. */
  readonly discard: (late: T) => void
}

/** Runs around every call. `run` makes the call with the given signal; it may reject, but never throws. */
export type Decorator = <T>(call: DecoratedCall<T>, run: (signal: AbortSignal) => Promise<T>) => Promise<T>

/** A KMS whose calls all pass through the decorators, from left to right. */
export function decorate(kms: Kms, ...decorators: readonly Decorator[]): Kms {
  return decorators.reduceRight(decorated, kms)
}

function decorated(kms: Kms, around: Decorator): Kms {
  return {
    describe: (cmkId, signal) =>
      around({ operation: 'describe', cmkId, signal, discard: nothing }, async (own) =>
        kms.describe(cmkId, own),
      ),
    generateDek: (call) =>
      around(
        { operation: 'generate', ...addressOf(call), discard: ({ dek }) => dek.fill(0) },
        async (signal) => kms.generateDek({ ...call, signal }),
      ),
    wrapDek: (call) =>
      around({ operation: 'wrap', ...addressOf(call), discard: nothing }, async (signal) =>
        kms.wrapDek({ ...call, signal }),
      ),
    unwrapDek: (call) =>
      around({ operation: 'unwrap', ...addressOf(call), discard: (dek) => dek.fill(0) }, async (signal) =>
        kms.unwrapDek({ ...call, signal }),
      ),
    ...(kms.rewrapDek && {
      rewrapDek: (call) =>
        around(
          { operation: 'rewrap', ...addressOf(call), toCmkId: call.toCmkId, discard: nothing },
          async (signal) => (kms as Required<Kms>).rewrapDek({ ...call, signal }),
        ),
    }),
    ...decoratedSecrets(kms, around),
    verify: (call) =>
      around({ operation: 'verify', ...addressOf(call), discard: nothing }, async (signal) =>
        kms.verify({ ...call, signal }),
      ),
    limits: (operation, cmkId) => kms.limits?.(operation, cmkId) ?? {},
    close: async () => kms.close?.(),
  }
}

function decoratedSecrets(kms: Kms, around: Decorator): Pick<Kms, 'encryptSecret' | 'decryptSecret'> {
  const { encryptSecret, decryptSecret } = kms
  return {
    ...(encryptSecret && {
      encryptSecret: (call) =>
        around({ operation: 'encrypt', ...addressOf(call), discard: nothing }, async (signal) =>
          encryptSecret.call(kms, { ...call, signal }),
        ),
    }),
    ...(decryptSecret && {
      decryptSecret: (call) =>
        around(
          { operation: 'decrypt', ...addressOf(call), discard: (secret) => secret.fill(0) },
          async (signal) => decryptSecret.call(kms, { ...call, signal }),
        ),
    }),
  }
}

const nothing = (): void => undefined

/** Keeps DEKs and secrets that are passed in from decorators. */
function addressOf({ cmkId, signal }: KmsCall): Pick<KmsCall, 'cmkId' | 'signal'> {
  return { cmkId, signal }
}
