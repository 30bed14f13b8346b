import { beforeAll, describe, expect, it } from 'vitest'
import type { WrappedDek } from '../../../src/envelope/format.js'
import type { Cmk } from '../../../src/kms/cmk.js'
import { planWrappings } from '../../../src/operate/rewrap/plan-wrappings.js'
import { resolveChanges, type WrappingChanges } from '../../../src/operate/rewrap/wrapping-changes.js'
import { cmkOf } from '../../support/cmks.js'
import { thrownBy } from '../../support/emissions.js'
import { MemoryKms } from '../../support/memory-kms.js'

let cmks: ReadonlyMap<string, readonly Cmk[]>
beforeAll(async () => {
  const kms = new MemoryKms()
  const names = ['a', 'b', 'c', 'd']
  cmks = new Map(await Promise.all(names.map(async (id) => [id, [await cmkOf('kms', kms, id)]] as const)))
})

/** Wrappings under CMKs of the provider `memory`, or of the one given: `other:x`. */
function wrappings(...names: readonly string[]): WrappedDek[] {
  return names.map((name) => {
    const [cmkId = '', provider = 'memory'] = name.split(':').toReversed()
    return { provider, cmkId, ciphertextDek: Buffer.from(name) }
  })
}

/** A plan as text: `a` is kept, `+b` is made, `+b(a)` is made in the place of a; what must open it is in brackets. */
function plan(changes: WrappingChanges, ...names: readonly string[]): string {
  const found = planWrappings(wrappings(...names), resolveChanges(changes, cmks))
  if (found === undefined) return 'unchanged'
  const shown = found.wrappings.map((one) =>
    'kept' in one
      ? String(one.kept.ciphertextDek)
      : `+${one.under.id}${one.replaced === undefined ? '' : `(${String(one.replaced.ciphertextDek)})`}`,
  )
  const proofs = found.proofs.map(({ cmks: of }) => of.map(({ id }) => id).join('|'))
  return `${shown.join(' ')} [${proofs.join(' ')}]`
}

const aToB = { replace: [{ from: 'a', to: 'b' }] }

describe('the wrappings of an envelope after changes', () => {
  it.each<[string, WrappingChanges, readonly string[], string]>([
    ['an added wrapping comes last', { add: ['b'] }, ['a', 'x'], 'a x +b [b]'],
    ['an added wrapping that is there stays as it is', { add: ['b'] }, ['b', 'a'], 'unchanged'],
    ['a replaced wrapping keeps its place', aToB, ['x', 'a', 'c'], 'x +b(a) c [b]'],
    ['a wrapping under another CMK is not replaced', aToB, ['c'], 'unchanged'],
    ['a wrapping of another provider with the same id is not replaced', aToB, ['other:a'], 'unchanged'],
    [
      'a wrapping of another provider with the same id does not count as there',
      { add: ['b'] },
      ['other:b'],
      'other:b +b [b]',
    ],
    ['a replaced wrapping goes if the other one is there before it', aToB, ['b', 'a'], 'b [b]'],
    ['a replaced wrapping goes if the other one is there after it', aToB, ['a', 'c', 'b'], 'c b [b]'],
    [
      'a wrapping is made anew under its own CMK',
      { replace: [{ from: 'a', to: 'a' }] },
      ['c', 'a'],
      'c +a(a) [a]',
    ],
    [
      'a removed wrapping goes, and one of the others must open the envelope',
      { remove: ['a'] },
      ['a', 'b', 'x', 'd'],
      'b x d [b|d]',
    ],
    ['nothing is removed that is not there', { remove: ['a'] }, ['b'], 'unchanged'],
    [
      'a removed wrapping goes although the configuration knows none of the others',
      { remove: ['a'] },
      ['a', 'x'],
      'x []',
    ],
    ['the last wrapping goes if another one is added', { add: ['b'], remove: ['a'] }, ['a'], '+b [b]'],
    [
      'two wrappings are replaced by one',
      {
        replace: [
          { from: 'a', to: 'c' },
          { from: 'b', to: 'c' },
        ],
      },
      ['a', 'b'],
      '+c(a) [c]',
    ],
    [
      'a wrapping that takes over is made anew once',
      {
        replace: [
          { from: 'a', to: 'b' },
          { from: 'b', to: 'b' },
        ],
      },
      ['a', 'b'],
      '+b(a) [b]',
    ],
    [
      'all at once',
      { add: ['d'], replace: [{ from: 'a', to: 'b' }], remove: ['c'] },
      ['c', 'a'],
      '+b(a) +d [b d]',
    ],
    ['five wrappings are allowed', { add: ['a'] }, ['1', '2', '3', '4'], '1 2 3 4 +a [a]'],
  ])('%s', (_, changes, names, expected) => {
    expect(plan(changes, ...names)).toBe(expected)
  })

  it('the last wrapping of an envelope is not removed', async () => {
    expect(await thrownBy(() => plan({ remove: ['a'] }, 'a'))).toMatchObject({ code: 'LAST_WRAPPING' })
    expect(await thrownBy(() => plan({ remove: ['a', 'b'] }, 'b', 'a'))).toMatchObject({
      code: 'LAST_WRAPPING',
    })
  })

  it('an envelope gets no sixth wrapping', async () => {
    expect(await thrownBy(() => plan({ add: ['a'] }, '1', '2', '3', '4', '5'))).toMatchObject({
      code: 'TOO_MANY_WRAPPINGS',
    })
  })
})
