import { describe, expect, it } from 'vitest'
import { forged } from './forged.js'
import { owner } from '../owner.js'
import { openRecords } from '../../../src/record/index.js'

describe('a listener of `dek.destroyed` may call back', () => {
  /** Opens records under separate DEKs. A reader keeps only the last three DEKs. */
  async function reader(cache = { maxDeks: 3 }) {
    const made = await owner({
      encrypt: { rotate: { maxMessages: 1, allowFrequentRotation: true, prefetch: 0 } },
      config: { cache, kmsRateLimit: { opening: { perSecond: 1000, burst: 5000 } } },
    })
    const { encryption, named } = made
    return {
      ...made,
      open: async (values: readonly (Buffer | null)[]) => {
        const opened = await openRecords(
          encryption,
          values.map((value) => ({ topic: 't', value })),
        )
        return opened.map(({ error }) => error?.code ?? 'opened')
      },
      destroyed: () => named('dek.destroyed').filter(({ side }) => side === 'opening').length,
    }
  }

  it('evict() in a listener: each DEK is destroyed once, and records open as before', async () => {
    const { encryption, seal, open, destroyed, kms, clock } = await reader()
    const values = await seal(20)
    encryption.on('dek.destroyed', () => {
      encryption.evict('cmk')
    })
    for (let round = 0; round < 3; round++)
      for (const value of values) expect(await open([value])).toEqual(['opened'])
    encryption.evict('cmk')
    expect(encryption.health().openedDeks).toBe(0)
    expect(destroyed()).toBe(kms.calls.filter(({ operation }) => operation === 'unwrap').length)
    expect(clock.timers).toBe(0)
  })

  it('evict() in a listener: a DEK that just turned out to be genuine still opens the record', async () => {
    const { encryption, seal, open } = await reader({ maxDeks: 1 })
    const [other, value] = (await seal(2)) as Buffer[]
    expect(await open([forged(value as Buffer)])).toEqual(['COMMITMENT_MISMATCH'])
    expect(await open([other as Buffer])).toEqual(['opened'])
    // Keeping the DEK displaces the other one.
    encryption.on('dek.destroyed', () => {
      encryption.evict('cmk')
    })
    expect(await open([value as Buffer])).toEqual(['opened'])
    expect(encryption.health().openedDeks).toBe(0)
  })

  it('evict() in a listener: a key that a batch has already found opens its record', async () => {
    const { encryption, seal, open, clock } = await reader()
    const [first, second] = (await seal(2)) as [Buffer, Buffer]
    expect(await open([second])).toEqual(['opened'])
    clock.advance(30 * 60_000)
    expect(await open([first])).toEqual(['opened'])
    clock.sleep(45 * 60_000)
    encryption.on('dek.destroyed', () => {
      encryption.evict('cmk')
    })
    expect((await open([first, second]))[0]).toBe('opened')
  })

  it('close() in a listener: no more records open', async () => {
    const { encryption, seal, open, destroyed, kms, clock } = await reader()
    const values = await seal(6)
    encryption.on('dek.destroyed', () => void encryption.close())
    for (const value of values.slice(0, 3)) expect(await open([value])).toEqual(['opened'])
    await open(values.slice(3)).catch(() => undefined)
    await expect(open(values)).rejects.toMatchObject({ code: 'ENCRYPTION_CLOSED' })
    expect(destroyed()).toBe(kms.calls.filter(({ operation }) => operation === 'unwrap').length)
    expect(clock.timers).toBe(0)
  })
})
