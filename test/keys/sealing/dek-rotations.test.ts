import { describe, expect, it } from 'vitest'
import type { DekStore, Encryption, StoredDek } from '../../../src/index.js'
import { EnvelopeError } from '../../../src/errors.js'
import { thrownBy } from '../../support/emissions.js'
import { FakeClock } from '../../support/fake-clock.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { owner, settle, type Owner } from '../owner.js'

/** Processes on one KMS and one store, with a rule `t` on the CMKs `a` and `b`, and a rule `u` on `c`. */
function stage() {
  const [kms, clock, deks] = [new MemoryKms(), new FakeClock(), new Map<string, StoredDek>()]
  const dekStore: DekStore = {
    load: (scope) => Promise.resolve(deks.get(scope)),
    save: (scope, dek) => Promise.resolve(void deks.set(scope, dek)),
    remove: (scope) => Promise.resolve(void deks.delete(scope)),
  }
  const cmks = {
    main: ['a', 'b'].map((id) => ({ kms: 'memory', id })),
    other: [{ kms: 'memory', id: 'c' }],
  }
  const topics = [
    { match: ['t'], encrypt: { cmk: 'main' } },
    { match: ['u'], encrypt: { cmk: 'other' } },
  ]
  return { kms, clock, deks, process: () => owner({ kms, clock, config: { dekStore, cmks, topics } }) }
}

/** Where the DEKs of both rules came from. */
async function origins({ seal, named }: Owner): Promise<string[]> {
  await seal(1, 't')
  await seal(1, 'u')
  return named('dek.created').map(({ origin }) => origin)
}

describe('only a scope whose DEKs were ended before its first use ignores older DEKs in the store', () => {
  it.each<[string, (encryption: Encryption) => unknown, string[]]>([
    ['nothing', () => undefined, ['stored', 'stored']],
    ['rotate()', (encryption) => encryption.rotate(), ['made', 'made']],
    ['rotate of the first rule', (encryption) => encryption.rotate('t'), ['made', 'stored']],
    ['rotate of the second rule', (encryption) => encryption.rotate('u'), ['stored', 'made']],
    [
      'evict of a CMK',
      (encryption) => {
        encryption.evict('a')
      },
      ['made', 'stored'],
    ],
    [
      'evict of the second CMK of a rule',
      (encryption) => {
        encryption.evict('b')
      },
      ['made', 'stored'],
    ],
    [
      'evict of an unused CMK that has the name of a rule',
      (encryption) => {
        encryption.evict('t')
      },
      ['stored', 'stored'],
    ],
  ])(
    'a scope ignores older DEKs in the store only if they were ended before its first use: %s',
    async (_, end, expected) => {
      const { process } = stage()
      await origins(await process())
      await settle()
      const next = await process()
      await end(next.encryption)
      expect(await origins(next)).toEqual(expected)
    },
  )

  it('a scope ignores older DEKs in the store if a replica of its CMK was evicted before its first use', async () => {
    const { kms, process } = stage()
    kms.unwrapsFor = (cmkId) => cmkId === 'a in another region'
    await origins(await process())
    await settle()
    const next = await process()
    next.encryption.evict('a in another region')
    expect(await origins(next)).toEqual(['made', 'made'])
  })
})

describe('a process that is denied the first DEK that it finds in a store', () => {
  it('a process that is denied the first DEK that it finds in a store never uses it, and leaves it to processes that may', async () => {
    const { kms, deks, process } = stage()
    await origins(await process())
    await settle()
    const [stored] = deks.values()
    const denied = await process()
    kms.failure = new EnvelopeError('KMS_DENIED', 'no')
    expect(await thrownBy(() => denied.seal(1, 't'))).toMatchObject({ code: 'KMS_DENIED' })
    expect(denied.named('dek.storeFailed')).toMatchObject([
      { rule: 't', operation: 'unwrap', reason: 'KMS_DENIED' },
    ])
    await settle()
    expect(deks.get('["t"]')).toBe(stored)
    kms.failure = undefined
    expect(await origins(await process())).toEqual(['stored', 'stored'])
    expect(await origins(denied)).toEqual(['made', 'stored'])
    // It leaves the DEK that it made to the others.
    expect(deks.get('["t"]')).not.toBe(stored)
    expect(await origins(await process())).toEqual(['stored', 'stored'])
  })
})
