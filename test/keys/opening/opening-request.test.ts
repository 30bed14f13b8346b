import { describe, expect, it } from 'vitest'
import { DEFAULT_SUITE } from '../../../src/crypto/suites.js'
import { openingRequest, type KeyDescription } from '../../../src/keys/opening/opening-request.js'
import { CmkSet } from '../../../src/kms/cmk-set.js'
import type { Cmk } from '../../../src/kms/cmk.js'
import { cmkOf } from '../../support/cmks.js'
import { MemoryKms } from '../../support/memory-kms.js'

async function cmk(kmsName: string, id: string, provider: string): Promise<Cmk> {
  return cmkOf(kmsName, new MemoryKms({ provider }), id)
}

async function description(): Promise<KeyDescription> {
  const theirs = await cmk('kms', 'cmk', 'memory')
  return {
    rule: { name: 'orders', cmks: CmkSet.forOpening([theirs]) },
    context: { env: 'prod', app: 'shop' },
    session: { suite: DEFAULT_SUITE, sessionId: Buffer.alloc(16, 1), commitment: Buffer.alloc(32, 2) },
    wrappings: [{ cmk: theirs, ciphertextDek: Buffer.from('ciphertext') }],
  }
}

const nameOf = (given: KeyDescription): string | undefined => openingRequest(given).candidates[0]?.name

describe('the cache key of an opened DEK', () => {
  it('the cache key of an opened DEK is the same for the same wrapping, whatever the order of the context', async () => {
    const context = { app: 'shop', env: 'prod' }
    expect(nameOf({ ...(await description()), context })).toBe(nameOf(await description()))
  })

  it.each<[string, (given: KeyDescription) => KeyDescription | Promise<KeyDescription>]>([
    ['rule', (given) => ({ ...given, rule: { ...given.rule, name: 'payments' } })],
    ['context', (given) => ({ ...given, context: { env: 'prod' } })],
    [
      'KMS',
      async (given) => ({
        ...given,
        wrappings: [{ ...wrapping(given), cmk: await cmk('kms 2', 'cmk', 'memory') }],
      }),
    ],
    [
      'CMK',
      async (given) => ({
        ...given,
        wrappings: [{ ...wrapping(given), cmk: await cmk('kms', 'cmk2', 'memory') }],
      }),
    ],
    [
      'provider',
      async (given) => ({
        ...given,
        wrappings: [{ ...wrapping(given), cmk: await cmk('kms', 'cmk', 'other') }],
      }),
    ],
    [
      'ciphertext DEK',
      (given) => ({ ...given, wrappings: [{ ...wrapping(given), ciphertextDek: Buffer.from('other') }] }),
    ],
  ])('the cache key of an opened DEK differs for a different %s', async (_, change) => {
    const given = await description()
    expect(nameOf(await change(given))).not.toBe(nameOf(given))
  })

  it('the cache key of an opened DEK does not confuse names that give the same text when joined', async () => {
    const given = await description()
    const named = async (kmsName: string, id: string): Promise<string | undefined> =>
      nameOf({ ...given, wrappings: [{ ...wrapping(given), cmk: await cmk(kmsName, id, 'memory') }] })
    expect(await named('a', 'b","c')).not.toBe(await named('a","b', 'c'))
  })
})

describe('the cache key of a content key', () => {
  it('the cache key of a content key differs for a different session, suite or commitment', async () => {
    const given = await description()
    const sessions = [
      given.session,
      { ...given.session, sessionId: Buffer.alloc(16, 9) },
      { ...given.session, commitment: Buffer.alloc(32, 9) },
      { ...given.session, suite: { ...DEFAULT_SUITE, number: 9 } },
    ]
    const names = sessions.map((session) => openingRequest({ ...given, session }).sessionName)
    expect(new Set(names).size).toBe(4)
  })
})

function wrapping({ wrappings: [first] }: KeyDescription): KeyDescription['wrappings'][number] {
  if (first === undefined) throw new Error('there is one')
  return first
}
