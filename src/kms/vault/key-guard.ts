import { raceAbort, refuseCancelled, withoutListenerLimit } from '../../cancellation.js'
import { ageMeter, type Clock } from '../../clock.js'
import { EnvelopeError } from '../../errors.js'
import type { VaultApi } from './api.js'
import type { CmkName } from './cmk-name.js'
import type { KeyState } from './responses.js'

interface Seen {
  readonly state: KeyState
  /** Since before the service was asked. */
  readonly ageMs: () => number
}

/**
 * Refuses keys that are weaker than DEKs, or that would ignore the encryption context: those that are not `derived`. The
 * service takes a context for them without a word. A key cannot be changed in this respect, but it can be deleted and made anew, so it is asked for
 * again from time to time. Only a good answer is kept. No call goes on with one that is older than the caller allows,
 * unless the service was asked after the caller came: no newer one can be had.
 */
export class KeyGuard {
  readonly #api: VaultApi
  readonly #mount: string
  readonly #clock: Clock
  readonly #seen = new Map<string, Seen>()
  readonly #asking = new Map<string, Promise<Seen>>()
  /** A request outlives its first caller, because others may wait for it too. It has a deadline of its own. */
  readonly #never = new AbortController().signal

  constructor(api: VaultApi, mount: string, clock: Clock) {
    this.#api = api
    this.#mount = mount
    this.#clock = clock
    withoutListenerLimit(this.#never)
  }

  /**
   * The state of a key that binds the context, asked for at most `maxAgeMs` ago, or since this call.
   *
   * @throws EnvelopeError CMK_UNUSABLE, CMK_DISABLED, CMK_NOT_FOUND, or as the call fails
   */
  async admit(cmk: CmkName, maxAgeMs: number, signal: AbortSignal): Promise<KeyState> {
    refuseCancelled(signal)
    const kept = this.#seen.get(cmk.key)
    if (kept !== undefined && kept.ageMs() < maxAgeMs) return kept.state
    const waitedMs = ageMeter(this.#clock)
    for (;;) {
      const seen = await raceAbort(this.#shared(cmk), signal)
      const ageMs = seen.ageMs()
      // A request that others had made already may have taken too long. The next one is newer than this call.
      if (ageMs < maxAgeMs || ageMs <= waitedMs()) return seen.state
    }
  }

  #shared(cmk: CmkName): Promise<Seen> {
    const under = this.#asking.get(cmk.key)
    if (under !== undefined) return under
    const asked = this.#ask(cmk).finally(() => {
      this.#asking.delete(cmk.key)
    })
    this.#asking.set(cmk.key, asked)
    return asked
  }

  async #ask(cmk: CmkName): Promise<Seen> {
    const ageMs = ageMeter(this.#clock)
    const path = `${this.#mount}/keys/${cmk.key}`
    const answer = await this.#api.call(
      { action: 'read key', cmkId: cmk.id, method: 'GET', path },
      this.#never,
    )
    const seen = { state: answer.key(), ageMs }
    this.#seen.delete(cmk.key)
    refuseUnfit(cmk, seen.state)
    this.#seen.set(cmk.key, seen)
    return seen
  }
}

function refuseUnfit({ id }: CmkName, state: KeyState): void {
  const unusable = (why: string, remedy: string): EnvelopeError =>
    new EnvelopeError('CMK_UNUSABLE', `CMK ${id} ${why}`, { remedy })
  if (!state.encrypts)
    throw unusable(
      'is a key that cannot encrypt',
      'Create a key of the type aes256-gcm96 with `derived=true`',
    )
  if (!state.derived) {
    throw unusable(
      'is not derived, so the encryption context would be ignored',
      'Create another key with `derived=true`; this cannot be changed for an existing key',
    )
  }
  if (state.convergent) {
    throw unusable(
      'uses convergent encryption, which wraps equal DEKs to equal ciphertext DEKs',
      'Create another key without `convergent_encryption`',
    )
  }
  if (!state.has256Bits) {
    throw unusable(
      'is not of a type with 256 bits, so it is weaker than the DEKs that it would wrap',
      'Create another key of the type aes256-gcm96 with `derived=true`; the type of an existing key cannot be changed',
    )
  }
  if (state.softDeleted) {
    throw new EnvelopeError('CMK_DISABLED', `CMK ${id} was soft-deleted`, {
      remedy: 'Restore the key with `soft-delete-restore`; nothing was lost',
    })
  }
}
