import { DEFAULT_SUITE } from '../../../src/crypto/suites.js'
import { EventHub } from '../../../src/events.js'
import { OpeningKeys } from '../../../src/keys/opening/opening-keys.js'
import type { Candidate, OpeningRequest } from '../../../src/keys/opening/opening-request.js'
import { CmkSet } from '../../../src/kms/cmk-set.js'
import { cmkOf } from '../../support/cmks.js'
import { FakeClock } from '../../support/fake-clock.js'
import { MemoryKms } from '../../support/memory-kms.js'

const signal = new AbortController().signal

/** Opening keys on a KMS that nothing guards: it answers whenever it likes, aborted or not. */
export async function opening(limits: Partial<{ maxDeks: number; ttlMs: number }> = {}) {
  const kms = new MemoryKms()
  const describe = kms.describe.bind(kms)
  kms.describe = async (...args) => ({
    ...(await describe(...args)),
    unwrapsFor: (id: string) => id === 'replica',
  })
  const clock = new FakeClock()
  const keys = new OpeningKeys({ maxDeks: 10, ttlMs: 3_600_000, ...limits }, clock, new EventHub())
  const cmk = await cmkOf('memory', kms, 'cmk')
  const cmks = CmkSet.forOpening([cmk])
  /** The names of a new session under a new DEK. */
  const request = async (): Promise<OpeningRequest & { readonly candidates: readonly [Candidate] }> => {
    const { dek, wrappings } = await cmks.newDek({ context: {}, sealUnder: 'all', signal })
    const sessionId = Buffer.alloc(16, 1)
    const { commitment } = dek.contentKey(DEFAULT_SUITE, sessionId)
    const ciphertextDek = wrappings[0]?.ciphertextDek ?? Buffer.alloc(0)
    const name = ciphertextDek.toString('hex')
    return {
      cmks,
      candidates: [{ cmk, ciphertextDek, name }],
      context: {},
      session: { suite: DEFAULT_SUITE, sessionId, commitment },
      sessionName: name,
    }
  }
  return { kms, clock, keys, cmk, request }
}

/** A request for the same DEK with a commitment to another one. */
export function forgedRequest<R extends OpeningRequest>(wanted: R): R {
  return { ...wanted, session: { ...wanted.session, commitment: Buffer.alloc(32) }, sessionName: 'forged' }
}
