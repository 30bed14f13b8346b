import { randomBytes } from 'node:crypto'
import { canonicalContext } from '../../src/envelope/context.js'
import { EnvelopeError } from '../../src/errors.js'
import type { CmkDescription, Kms, KmsCall } from '../../src/kms/kms.js'
import { handedOut } from './emissions.js'

/** One call to a `MemoryKms` that a test may hold back, fail or let through. */
export interface HeldCall {
  readonly operation: 'generate' | 'wrap' | 'unwrap'
  readonly call: KmsCall
  /** Lets it through. */
  succeed(): void
  /** Fails it. */
  fail(error: unknown): void
}

/**
 * A KMS double whose calls complete in the order that the test chooses. It answers immediately unless `hold` is set. A
 * ciphertext DEK is a random name for an entry in memory.
 */
export class MemoryKms implements Kms {
  hold = false
  /** Calls held back, oldest first. */
  readonly held: HeldCall[] = []
  /** All calls so far, for assertions. */
  readonly calls: { operation: string; cmkId: string; context: Readonly<Record<string, string>> }[] = []
  /** The uses of `verify`. */
  readonly verified: string[] = []
  /** Thrown by every call while set. */
  failure: unknown
  closed = false
  /** Of all CMKs. */
  unwrapsFor: CmkDescription['unwrapsFor']
  readonly provider: string
  readonly publicKeyWraps: boolean
  readonly #deks = new Map<string, { dek: Buffer; context: string; cmkId: string }>()

  constructor(options: { provider?: string; publicKeyWraps?: boolean } = {}) {
    this.provider = options.provider ?? 'memory'
    this.publicKeyWraps = options.publicKeyWraps ?? false
  }

  describe(): Promise<CmkDescription> {
    const { provider, publicKeyWraps, unwrapsFor } = this
    return Promise.resolve({ provider, publicKeyWraps, ...(unwrapsFor && { unwrapsFor }) })
  }

  async generateDek(call: KmsCall): Promise<{ dek: Uint8Array; ciphertextDek: Uint8Array }> {
    await this.#turn('generate', call)
    const dek = randomBytes(32)
    return { dek: Uint8Array.from(dek), ciphertextDek: this.#keep(dek, call) }
  }

  async wrapDek(call: KmsCall & { readonly dek: Uint8Array }): Promise<Uint8Array> {
    const dek = Buffer.from(call.dek)
    await this.#turn('wrap', call)
    return this.#keep(dek, call)
  }

  async unwrapDek(call: KmsCall & { readonly ciphertextDek: Uint8Array }): Promise<Uint8Array> {
    await this.#turn('unwrap', call)
    const entry = this.#deks.get(Buffer.from(call.ciphertextDek).toString('hex'))
    if (entry?.cmkId !== call.cmkId || entry.context !== canonicalContext(call.context)) {
      throw new EnvelopeError('CIPHERTEXT_DEK_INVALID', 'unknown ciphertext DEK')
    }
    return Uint8Array.from(entry.dek)
  }

  async verify(call?: { readonly use?: string }): Promise<void> {
    if (call?.use !== undefined) this.verified.push(call.use)
    if (this.failure !== undefined) throw this.failure as Error
    await Promise.resolve()
  }

  /** A separate client of this service: if one owner closes it, others continue. */
  client(): Kms {
    return {
      describe: () => this.describe(),
      generateDek: (call) => this.generateDek(call),
      wrapDek: (call) => this.wrapDek(call),
      unwrapDek: (call) => this.unwrapDek(call),
      verify: (call) => this.verify(call),
      close: () => this.close(),
    }
  }

  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }

  /** Resolves once at least `count` calls are held. */
  async waitForHeld(count = 1): Promise<void> {
    while (this.held.length < count) await new Promise((resolve) => setImmediate(resolve))
  }

  #keep(dek: Buffer, { cmkId, context }: KmsCall): Uint8Array {
    handedOut(dek)
    const name = randomBytes(24)
    this.#deks.set(name.toString('hex'), { dek, cmkId, context: canonicalContext(context) })
    return Uint8Array.from(name)
  }

  async #turn(operation: HeldCall['operation'], call: KmsCall): Promise<void> {
    this.calls.push({ operation, cmkId: call.cmkId, context: call.context })
    if (this.failure !== undefined) throw this.failure as Error
    if (!this.hold) return
    let failure: { readonly error: unknown } | undefined
    await new Promise<void>((resolve) => {
      const remove = (): void => {
        const at = this.held.indexOf(entry)
        if (at >= 0) this.held.splice(at, 1)
      }
      const entry: HeldCall = {
        operation,
        call,
        succeed: () => {
          remove()
          resolve()
        },
        fail: (error) => {
          remove()
          failure = { error }
          resolve()
        },
      }
      this.held.push(entry)
    })
    // Set by `fail`, which the compiler cannot see.
    const failed = failure as { readonly error: unknown } | undefined
    if (failed !== undefined) throw failed.error as Error
  }
}
