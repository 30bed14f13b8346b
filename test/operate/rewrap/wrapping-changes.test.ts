import { describe, expect, it } from 'vitest'
import type { Cmk } from '../../../src/kms/cmk.js'
import { resolveChanges, type WrappingChanges } from '../../../src/operate/rewrap/wrapping-changes.js'
import { cmkOf } from '../../support/cmks.js'
import { MemoryKms } from '../../support/memory-kms.js'

/** `old` and `new` have one CMK each, `both` has two of another KMS. */
async function configured(): Promise<ReadonlyMap<string, readonly Cmk[]>> {
  const [here, there] = [new MemoryKms(), new MemoryKms({ provider: 'there' })]
  return new Map([
    ['old', [await cmkOf('here', here, 'cmk-2025')]],
    ['new', [await cmkOf('here', here, 'cmk-2026')]],
    ['both', [await cmkOf('there', there, 'far-1'), await cmkOf('there', there, 'far-2')]],
  ])
}

async function ids(changes: WrappingChanges): Promise<unknown> {
  const { add, replace, remove } = resolveChanges(changes, await configured())
  return {
    add: add.map(({ id }) => id),
    replace: replace.map(({ from, to }) => `${from.id}=${to.id}`),
    remove: remove.map(({ id }) => id),
  }
}

async function refused(
  changes: WrappingChanges,
  cmks?: ReadonlyMap<string, readonly Cmk[]>,
): Promise<string> {
  const known = cmks ?? (await configured())
  try {
    resolveChanges(changes, known)
  } catch (error) {
    return (error as Error).message
  }
  return 'not refused'
}

describe('the CMKs of changes', () => {
  it('a CMK is found by its name in the configuration and by its id', async () => {
    expect(await ids({ replace: [{ from: 'old', to: 'cmk-2026' }] })).toEqual({
      add: [],
      replace: ['cmk-2025=cmk-2026'],
      remove: [],
    })
  })

  it('a name stands for all CMKs of its list where several are possible', async () => {
    expect(await ids({ add: ['both', 'far-2'], remove: ['both'].slice(1) })).toMatchObject({
      add: ['far-1', 'far-2'],
    })
    expect(await refused({ replace: [{ from: 'both', to: 'new' }] })).toMatch(/both stands for several CMKs/)
  })

  it('an unknown CMK is refused with those that the configuration has', async () => {
    expect(await refused({ add: ['gone'] })).toBe(
      'no CMK of the configuration has the name or the id gone; it has old (cmk-2025), new (cmk-2026), both (far-1, far-2)',
    )
  })

  it('a name that is the id of another CMK is refused', async () => {
    const cmks = await configured()
    const swapped = new Map([...cmks, ['cmk-2025', cmks.get('new') ?? []] as const])
    expect(await refused({ add: ['cmk-2025'] }, swapped)).toMatch(/both a name .* and the id of another CMK/)
  })

  it('two CMKs that look alike in envelopes are refused', async () => {
    const twin = await cmkOf('elsewhere', new MemoryKms(), 'cmk-2026')
    const cmks = new Map([...(await configured()), ['twin', [twin]] as const])
    expect(await refused({ add: ['cmk-2026'] }, cmks)).toMatch(/several CMKs have the id cmk-2026/)
    expect(await refused({ add: ['new'] }, cmks)).toMatch(
      /both a name|two KMSs .* have a CMK memory cmk-2026/,
    )
    expect(await refused({ replace: [{ from: 'new', to: 'twin' }] }, cmks)).toMatch(
      /have a CMK memory cmk-2026/,
    )
  })
})

describe('changes that contradict each other', () => {
  it.each<[string, WrappingChanges, RegExp]>([
    ['nothing', {}, /nothing to change/],
    [
      'one CMK replaced by two',
      {
        replace: [
          { from: 'old', to: 'new' },
          { from: 'cmk-2025', to: 'far-1' },
        ],
      },
      /one CMK only/,
    ],
    [
      'a CMK replaced and removed',
      { replace: [{ from: 'old', to: 'new' }], remove: ['old'] },
      /both replaced and removed/,
    ],
    ['a CMK added and removed', { add: ['old'], remove: ['cmk-2025'] }, /both dropped and made/],
    [
      'a CMK removed that replaces',
      { replace: [{ from: 'old', to: 'new' }], remove: ['new'] },
      /both dropped and made/,
    ],
    [
      'a chain of replacements',
      {
        replace: [
          { from: 'old', to: 'new' },
          { from: 'new', to: 'far-1' },
        ],
      },
      /both dropped and made/,
    ],
  ])('%s: refused', async (_, changes, message) => {
    expect(await refused(changes)).toMatch(message)
  })

  it('a CMK may be replaced by itself, take over from another one, and be added where it is missing', async () => {
    const replace = [
      { from: 'new', to: 'new' },
      { from: 'old', to: 'new' },
    ]
    expect(await ids({ replace, add: ['new'] })).toMatchObject({
      replace: ['cmk-2026=cmk-2026', 'cmk-2025=cmk-2026'],
    })
  })
})
