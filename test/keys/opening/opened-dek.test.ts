import { describe, expect, it, vi } from 'vitest'
import { Dek } from '../../../src/crypto/dek.js'
import { DEFAULT_SUITE } from '../../../src/crypto/suites.js'
import { OpenedDek, type SessionRef } from '../../../src/keys/opening/opened-dek.js'
import { cmkOf } from '../../support/cmks.js'
import { MemoryKms } from '../../support/memory-kms.js'

const dek = (): Dek => Dek.take(new Uint8Array(32).fill(7))
const destroyedKey = expect.objectContaining({ code: 'KEY_DESTROYED' }) as Error

/** The nth session under the DEK. */
function session(n: number): SessionRef & { name: string } {
  const sessionId = Buffer.alloc(16)
  sessionId.writeUInt32BE(n)
  const { commitment } = dek().contentKey(DEFAULT_SUITE, sessionId)
  return { suite: DEFAULT_SUITE, sessionId, commitment, name: String(n) }
}

async function opened() {
  const destroyed = { times: 0 }
  const cmk = await cmkOf('memory', new MemoryKms(), 'cmk')
  const made = new OpenedDek(
    cmk,
    dek(),
    () => 0,
    () => destroyed.times++,
  )
  const key = (n: number) => made.contentKey(session(n), String(n))
  return { made, destroyed, key }
}

describe('content keys of an opened DEK', () => {
  it('content keys of an opened DEK are derived once for each session, and only if the commitment matches the DEK', async () => {
    const { made, key } = await opened()
    expect(key(1)).toBeDefined()
    expect(key(1)).toBe(key(1))
    expect(key(2)).not.toBe(key(1))
    const forged = { ...session(3), commitment: Buffer.alloc(32) }
    expect(made.contentKey(forged, 'forged')).toBeUndefined()
    expect(made.contentKey(forged, 'forged')).toBeUndefined()
  })

  it('content keys of an opened DEK that are dropped free what an engine keeps, and stay usable', async () => {
    const { key } = await opened()
    const engine = { create: vi.fn(() => ({})), destroy: vi.fn<(key: object) => void>() }
    const dropped = key(0)
    const imported = dropped?.importedBy(engine)
    for (let n = 1; n < 1000; n++) key(n)
    expect(engine.destroy).not.toHaveBeenCalled()
    key(1000)
    expect(engine.destroy).toHaveBeenCalledExactlyOnceWith(imported)
    expect(dropped?.importedBy(engine)).not.toBe(imported)
    dropped?.destroy()
    expect(engine.destroy).toHaveBeenCalledTimes(2)
  })

  it('content keys of an opened DEK are not displaced by forged sessions', async () => {
    const { made, key } = await opened()
    const kept = key(1)
    const forged = { ...session(2), commitment: Buffer.alloc(32) }
    for (let n = 0; n < 1001; n++) expect(made.contentKey(forged, `forged ${String(n)}`)).toBeUndefined()
    expect(key(1)).toBe(kept)
  })

  it('content keys of an opened DEK are remembered for 1,000 sessions; the oldest is dropped, and is derived again', async () => {
    const { key } = await opened()
    const keys = Array.from({ length: 1000 }, (_, n) => key(n))
    expect([key(0), key(999)]).toEqual([keys[0], keys[999]])
    expect(key(0)).toBe(keys[0])
    expect(key(1000)).toBe(key(1000))
    expect(key(1)).toBe(keys[1])
    expect(key(999)).toBe(keys[999])
    const again = key(0)
    expect(again).not.toBe(keys[0])
    expect(again?.commitment).toEqual(keys[0]?.commitment)
  })
})

describe('an opened DEK', () => {
  it('an opened DEK is destroyed with its content keys when its only lease is released', async () => {
    const { made, key, destroyed } = await opened()
    const content = [key(1), key(2)]
    const release = made.lease()
    expect(destroyed.times).toBe(0)
    release()
    expect(destroyed.times).toBe(1)
    for (const one of content) expect(() => one?.keyObject()).toThrow(destroyedKey)
    expect(() => key(1)).toThrow(destroyedKey)
  })

  it('an opened DEK lives until the last of its leases is released, and is destroyed once', async () => {
    const { made, key, destroyed } = await opened()
    const leases = [made.lease(), made.lease(), made.lease()]
    const content = key(1)
    leases[0]?.()
    leases[1]?.()
    expect(destroyed.times).toBe(0)
    expect(() => content?.keyObject()).not.toThrow()
    leases[2]?.()
    expect(destroyed.times).toBe(1)
    expect(() => content?.keyObject()).toThrow(destroyedKey)
  })

  it('an opened DEK is the same as another if and only if both have the same bytes', async () => {
    const [{ made }, { made: same }] = [await opened(), await opened()]
    const cmk = made.cmk
    const other = new OpenedDek(
      cmk,
      Dek.take(new Uint8Array(32).fill(8)),
      () => 0,
      () => undefined,
    )
    expect([made.isSameAs(same), made.isSameAs(other)]).toEqual([true, false])
  })
})
