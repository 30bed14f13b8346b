import { expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.js'
import { checkConfig } from '../../../src/config/check.js'
import { EnvelopeError, type ErrorCode } from '../../../src/errors.js'
import type { EncryptionConfig, Kms, KmsCall } from '../../../src/index.js'
import { askKmses, type KmsFacts } from '../../../src/operate/doctor/facts/kms.js'
import { memoryKms } from '../../../src/kms/memory/index.js'
import { fileDekStore } from '../../../src/index.js'

type Right = 'generate' | 'wrap' | 'unwrap'

/** A KMS that grants this process certain uses of each CMK. */
function granting(rights: Readonly<Record<string, readonly Right[]>>, code: ErrorCode = 'KMS_DENIED'): Kms {
  const kms = memoryKms({ cmks: Object.keys(rights) })
  const guard =
    <C extends KmsCall, T>(right: (call: C) => Right, call: (call: C) => Promise<T>) =>
    async (given: C): Promise<T> => {
      if (rights[given.cmkId]?.includes(right(given)) === true) return call(given)
      throw new EnvelopeError(code, `${given.cmkId} may not ${right(given)}`)
    }
  return {
    describe: async (id, signal) => ({ ...(await kms.describe(id, signal)), provider: 'memory' }),
    generateDek: guard(
      () => 'generate',
      (call) => kms.generateDek(call),
    ),
    wrapDek: guard(
      () => 'wrap',
      (call) => kms.wrapDek(call),
    ),
    unwrapDek: guard(
      () => 'unwrap',
      (call) => kms.unwrapDek(call),
    ),
    verify: guard(
      ({ use }) => use,
      () => Promise.resolve(),
    ),
  }
}

function ask(kms: Kms, config: Partial<EncryptionConfig>): Promise<KmsFacts> {
  const checked = checkConfig({
    kms: { cloud: kms },
    cmks: {
      main: [{ kms: 'cloud', id: 'a' }],
      pair: [
        { kms: 'cloud', id: 'a' },
        { kms: 'cloud', id: 'b' },
      ],
    },
    topics: [],
    kmsRetries: 0,
    ...config,
  })
  return askKmses(checked, systemClock, new AbortController().signal)
}

const trialsOf = ({ trials }: KmsFacts): string[] =>
  trials.map(
    ({ rule, half, cmkId, use, failure }) => `${rule} ${half} ${cmkId} ${use} ${failure?.code ?? 'ok'}`,
  )
const excessOf = ({ excess }: KmsFacts): string[] =>
  excess.map(({ cmkId, use, answer }) => `${cmkId} ${use} ${answer}`)

it('each CMK is tried by itself as its rules use it, and one that fails hides no other', async () => {
  const kms = granting({ a: ['generate', 'unwrap'], b: [] })
  const facts = await ask(kms, {
    topics: [{ match: ['t'], encrypt: { cmk: 'pair' }, decrypt: { cmk: 'pair' } }],
  })
  expect(trialsOf(facts)).toEqual([
    't encrypt a generate ok',
    't encrypt b wrap KMS_DENIED',
    't decrypt a unwrap ok',
    't decrypt b unwrap KMS_DENIED',
  ])
  expect(facts.trials.map(({ suffices }) => suffices)).toEqual([false, false, true, true])
  expect(excessOf(facts)).toEqual([])
})

it('a CMK that cannot be described fails each of its uses, and others are described', async () => {
  const facts = await ask(granting({ a: ['generate'] }), {
    topics: [{ match: ['t'], encrypt: { cmk: 'pair', sealUnder: 'any' } }],
  })
  expect(trialsOf(facts)).toEqual(['t encrypt a generate ok', 't encrypt b generate CMK_NOT_FOUND'])
  expect(facts.cmks.map(({ cmkId }) => cmkId)).toEqual(['a'])
  expect(excessOf(facts)).toEqual(['a unwrap denied'])
})

it('a process that only seals is found to unwrap if it may, also under a CMK that only wraps', async () => {
  const topics = [{ match: ['t'], encrypt: { cmk: 'pair' } }]
  const just = await ask(granting({ a: ['generate'], b: ['wrap'] }), { topics })
  expect(excessOf(just)).toEqual(['a unwrap denied', 'b unwrap denied'])
  const more = await ask(granting({ a: ['generate', 'unwrap'], b: ['wrap', 'unwrap'] }), { topics })
  expect(excessOf(more)).toEqual(['a unwrap allowed', 'b unwrap allowed'])
})

it('a process that only opens is found to make DEKs if it may', async () => {
  const topics = [{ match: ['t'], decrypt: { cmk: 'main' } }]
  expect(excessOf(await ask(granting({ a: ['unwrap'] }), { topics }))).toEqual(['a generate denied'])
  expect(excessOf(await ask(granting({ a: ['unwrap', 'generate'] }), { topics }))).toEqual([
    'a generate allowed',
  ])
})

it('what another rule needs is not in excess', async () => {
  const facts = await ask(granting({ a: ['generate', 'unwrap'] }), {
    topics: [
      { match: ['t'], encrypt: { cmk: 'main' } },
      { match: ['u'], decrypt: { cmk: 'main' } },
    ],
  })
  expect(excessOf(facts)).toEqual([])
})

it('a store of DEKs needs to unwrap', async () => {
  const facts = await ask(granting({ a: ['generate', 'unwrap'] }), {
    topics: [{ match: ['t'], encrypt: { cmk: 'main' } }],
    dekStore: fileDekStore({ folder: 'none' }),
  })
  expect(excessOf(facts)).toEqual([])
})

it('a provisioned DEK needs one CMK that unwraps, and none that makes DEKs', async () => {
  const facts = await ask(granting({ a: ['unwrap'], b: [] }), {
    topics: [{ match: ['t'], encrypt: { cmk: 'pair', provisionedDek: { text: 'x' } } }],
  })
  expect(trialsOf(facts)).toEqual(['t encrypt a unwrap ok', 't encrypt b unwrap KMS_DENIED'])
  expect(facts.trials.every(({ suffices }) => suffices)).toBe(true)
  expect(excessOf(facts)).toEqual(['a generate denied', 'b generate denied'])
})

it('a failure that is no denial leaves open whether there is an excess right', async () => {
  const topics = [{ match: ['t'], encrypt: { cmk: 'main' } }]
  const disabled = await ask(granting({ a: ['generate'] }, 'CMK_DISABLED'), { topics })
  expect(disabled.excess).toMatchObject([{ answer: 'unknown', why: 'a may not unwrap' }])
  const away = await ask(granting({ a: [] }), { topics })
  expect(away.excess).toMatchObject([{ answer: 'unknown', why: 'a may not generate' }])
})

it('an abort ends the questions', async () => {
  const controller = new AbortController()
  const reason = new Error('interrupted')
  controller.abort(reason)
  const checked = checkConfig({
    kms: { cloud: granting({ a: [] }) },
    cmks: { main: [{ kms: 'cloud', id: 'a' }] },
    topics: [{ match: ['t'], encrypt: { cmk: 'main' } }],
  })
  await expect(askKmses(checked, systemClock, controller.signal)).rejects.toBe(reason)
})
