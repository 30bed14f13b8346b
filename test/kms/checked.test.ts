import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../src/errors.js'
import { createEncryption, type Encryption } from '../../src/index.js'
import { checked } from '../../src/kms/checked.js'
import { decorate } from '../../src/kms/decorate.js'
import { retrying } from '../../src/kms/retrying.js'
import type { GeneratedDek, Kms } from '../../src/kms/kms.js'
import { openRecords, sealRecords } from '../../src/record/index.js'
import { thrownBy } from '../support/emissions.js'
import { FakeClock } from '../support/fake-clock.js'
import { MemoryKms } from '../support/memory-kms.js'

const call = { cmkId: 'cmk', context: {}, signal: new AbortController().signal }
const dek = (length = 32): Uint8Array => new Uint8Array(length).fill(7)
const zeros = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

/** Values that a provider in JavaScript may return instead of a valid answer. */
const NONSENSE: readonly unknown[] = [undefined, null, '', 'x'.repeat(32), 7, {}, [], { length: 32 }]

const GENERATED: readonly (readonly [string, unknown])[] = [
  ...NONSENSE.map((answer) => [JSON.stringify(answer), answer] as const),
  ...NONSENSE.map(
    (bytes) => [`a DEK that is ${JSON.stringify(bytes)}`, { dek: bytes, ciphertextDek: dek() }] as const,
  ),
  ...NONSENSE.map(
    (bytes) =>
      [`a ciphertext that is ${JSON.stringify(bytes)}`, { dek: dek(), ciphertextDek: bytes }] as const,
  ),
  ...[0, 16, 31, 33].map(
    (n) => [`a DEK of ${String(n)} bytes`, { dek: dek(n), ciphertextDek: dek() }] as const,
  ),
  ...[0, 1025].map(
    (n) => [`a ciphertext of ${String(n)} bytes`, { dek: dek(), ciphertextDek: dek(n) }] as const,
  ),
]

/** A provider that answers the next call by `nonsense`, and all others well. */
class Strange extends MemoryKms {
  nonsense: { readonly answer: unknown } | undefined
  asked = 0

  override generateDek(request: Parameters<Kms['generateDek']>[0]): Promise<GeneratedDek> {
    return this.#answer(() => super.generateDek(request))
  }

  override wrapDek(request: Parameters<Kms['wrapDek']>[0]): Promise<Uint8Array> {
    return this.#answer(() => super.wrapDek(request))
  }

  override unwrapDek(request: Parameters<Kms['unwrapDek']>[0]): Promise<Uint8Array> {
    return this.#answer(() => super.unwrapDek(request))
  }

  async #answer<T>(well: () => Promise<T>): Promise<T> {
    this.asked++
    const { nonsense } = this
    this.nonsense = undefined
    return nonsense === undefined ? well() : (nonsense.answer as T)
  }
}

const invalid = { code: 'KMS_RESPONSE_INVALID', kind: 'transient', retriable: true }

describe('an answer that breaks the contract', () => {
  it.each(GENERATED)(
    'an invalid answer to generateDek (%s) is transient, and leaves no DEK',
    async (_, answer) => {
      const kms = new Strange()
      kms.nonsense = { answer }
      expect(await thrownBy(() => checked(kms).generateDek(call))).toMatchObject(invalid)
      const { dek: left } = (answer ?? {}) as { dek?: unknown }
      if (left instanceof Uint8Array) expect(zeros(left)).toBe(true)
    },
  )

  it.each([...NONSENSE, dek(0), dek(1025)].map((answer) => [answer]))(
    'an invalid answer to wrapDek (%j) is transient',
    async (answer) => {
      const kms = new Strange()
      kms.nonsense = { answer }
      expect(await thrownBy(() => checked(kms).wrapDek({ ...call, dek: dek() }))).toMatchObject(invalid)
    },
  )

  it.each([...NONSENSE, dek(0)].map((answer) => [answer]))(
    'an invalid answer to unwrapDek (%j) is transient',
    async (answer) => {
      const kms = new Strange()
      kms.nonsense = { answer }
      expect(await thrownBy(() => checked(kms).unwrapDek({ ...call, ciphertextDek: dek(8) }))).toMatchObject(
        invalid,
      )
    },
  )
})

it('an unwrapped DEK of another length blames the ciphertext DEK, whose maker chose it, and is wiped', async () => {
  for (const length of [1, 31, 33]) {
    const kms = new Strange()
    const answer = dek(length)
    kms.nonsense = { answer }
    expect(await thrownBy(() => checked(kms).unwrapDek({ ...call, ciphertextDek: dek(8) }))).toMatchObject({
      code: 'UNWRAP_FAILED',
      kind: 'invalid',
    })
    expect(zeros(answer)).toBe(true)
  }
})

describe('an owner whose KMS answers with nonsense', () => {
  async function owner(kms: Kms, kmsRetries?: number): Promise<Encryption> {
    return createEncryption({
      kms: { strange: kms },
      cmks: { main: [{ kms: 'strange', id: 'cmk' }] },
      topics: [{ match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } }],
      ...(kmsRetries === undefined ? {} : { kmsRetries }),
    })
  }

  it.each([
    ['seals', undefined],
    ['seals', {}],
  ])('an owner whose KMS answers with nonsense %s at the next attempt, after %j', async (_, answer) => {
    const kms = new Strange()
    const encryption = await owner(kms)
    kms.nonsense = { answer }
    await sealRecords(encryption, [{ topic: 't', value: 'v' }])
    expect(kms.asked).toBe(2)
    await encryption.close()
  })

  it('an owner whose KMS answers with nonsense opens at the next attempt, and reports the failure if there is none', async () => {
    const kms = new Strange()
    const sealing = await owner(kms)
    const sealed = await sealRecords(sealing, [{ topic: 't', value: 'v' }])

    const opening = await owner(kms)
    kms.nonsense = { answer: {} }
    kms.asked = 0
    expect((await openRecords(opening, sealed))[0]?.error).toBeUndefined()
    expect(kms.asked).toBe(2)

    const once = await owner(kms, 0)
    const codes: (string | undefined)[] = []
    once.on('kms.call', ({ code }) => codes.push(code))
    kms.nonsense = { answer: {} }
    const [opened] = await openRecords(once, sealed)
    expect(opened?.error).toMatchObject(invalid)
    expect((opened?.error as EnvelopeError).message).toContain(
      'check the endpoint, the proxy and the provider',
    )
    expect(codes).toEqual(['KMS_RESPONSE_INVALID'])
    expect((await openRecords(once, sealed))[0]?.error).toBeUndefined()
    // Together: the last one closes the KMS.
    for (const each of [sealing, opening, once]) await each.close()
  })
})

describe('a DEK that is wrapped', () => {
  it('a provider gets a copy of the DEK that it wraps, which is wiped after the call', async () => {
    const lent: Uint8Array[] = []
    const keeping = new MemoryKms()
    keeping.wrapDek = ({ dek: copy }) => {
      lent.push(copy)
      return Promise.resolve(new Uint8Array(8))
    }
    const given = dek()
    await checked(keeping).wrapDek({ ...call, dek: given })
    expect(lent).toHaveLength(1)
    expect(lent[0] !== given && zeros(lent[0] ?? given)).toBe(true)
    expect(given).toEqual(dek())
  })

  it('a provider gets a new copy of the DEK for each attempt: if it wipes the DEK and fails, the next attempt does not wrap zeros', async () => {
    const seen: Uint8Array[] = []
    const wiping = new MemoryKms()
    wiping.wrapDek = ({ dek: copy }) => {
      seen.push(Uint8Array.from(copy))
      copy.fill(0)
      return seen.length === 1
        ? Promise.reject(new EnvelopeError('KMS_UNAVAILABLE', 'away'))
        : Promise.resolve(new Uint8Array(8))
    }
    const clock = new FakeClock()
    clock.jitter = () => 0
    const wrapping = decorate(checked(wiping), retrying({ retries: 1, timeoutMs: 20_000, clock })).wrapDek({
      ...call,
      dek: dek(),
    })
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(1)
    await wrapping
    expect(seen).toEqual([dek(), dek()])
  })

  it('the copy of a DEK that is wrapped is wiped when the call is cancelled, even if the provider continues', () => {
    const held = new MemoryKms()
    const lent: Uint8Array[] = []
    held.wrapDek = ({ dek: copy }) => {
      lent.push(copy)
      return new Promise(() => undefined)
    }
    const controller = new AbortController()
    void checked(held).wrapDek({ ...call, dek: dek(), signal: controller.signal })
    expect(lent.every(zeros)).toBe(false)
    controller.abort()
    expect(lent.every(zeros)).toBe(true)
  })
})
