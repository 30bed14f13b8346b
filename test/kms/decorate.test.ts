import { describe, expect, it } from 'vitest'
import { checked } from '../../src/kms/checked.js'
import { decorate, type DecoratedCall, type Decorator } from '../../src/kms/decorate.js'
import type { Kms } from '../../src/kms/kms.js'
import { memoryKms } from '../../src/kms/memory/index.js'
import { MemoryKms } from '../support/memory-kms.js'

const { signal } = new AbortController()
const call = { cmkId: 'cmk', context: {}, signal }

/** Notes which calls pass it, and what decorators see of them. */
function noting(name: string, seen: string[], calls: object[] = []): Decorator {
  return (made, run) => {
    seen.push(`${name} ${made.operation}`)
    calls.push(made)
    return run(made.signal)
  }
}

describe('a decorated KMS', () => {
  it('a decorated KMS passes each call through its decorators from left to right, and passes close() and limits() on', async () => {
    const kms = new MemoryKms()
    const limited = Object.assign(kms, { limits: () => ({ concurrency: { group: 'g', max: 1 } }) })
    const seen: string[] = []
    const decorated = decorate(checked(limited), noting('a', seen), noting('b', seen))
    await decorated.describe('cmk', signal)
    const { dek, ciphertextDek } = await decorated.generateDek(call)
    await decorated.wrapDek({ ...call, dek })
    expect(await decorated.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
    await decorated.verify({ ...call, use: 'wrap' })
    expect(seen).toEqual(
      ['describe', 'generate', 'wrap', 'unwrap', 'verify'].flatMap((operation) => [
        `a ${operation}`,
        `b ${operation}`,
      ]),
    )
    expect(decorated.limits?.('wrap', 'cmk')).toEqual({ concurrency: { group: 'g', max: 1 } })
    await decorated.close?.()
    expect(kms.closed).toBe(true)
  })

  it('a decorated KMS may lack limits() and close()', async () => {
    const { describe, generateDek, wrapDek, unwrapDek, verify } = new MemoryKms().client()
    const plain: Kms = { describe, generateDek, wrapDek, unwrapDek, verify }
    const decorated = decorate(checked(plain), noting('a', []))
    expect(decorated.limits?.('wrap', 'cmk')).toEqual({})
    await decorated.close?.()
  })

  it('a decorated KMS shows its decorators neither a DEK nor a context, and lets them wipe a DEK that arrives late', async () => {
    const calls: DecoratedCall<unknown>[] = []
    const kms = decorate(new MemoryKms(), noting('a', [], calls))
    const made = await kms.generateDek(call)
    await kms.wrapDek({ ...call, dek: made.dek })
    const unwrapped = await kms.unwrapDek({ ...call, ciphertextDek: made.ciphertextDek })
    for (const seen of calls)
      expect(Object.keys(seen).sort()).toEqual(['cmkId', 'discard', 'operation', 'signal'])
    calls[0]?.discard(made)
    calls[2]?.discard(unwrapped)
    expect([...made.dek, ...unwrapped].every((byte) => byte === 0)).toBe(true)
  })

  it('a decorated KMS shows its decorators no secret, lets them wipe one that arrives late, and adds no calls for secrets', async () => {
    const calls: DecoratedCall<unknown>[] = []
    const kms = decorate(checked(memoryKms({ cmks: ['cmk'] })), noting('a', [], calls))
    const ciphertext = await kms.encryptSecret?.({ ...call, secret: Buffer.from('hunter2') })
    if (ciphertext === undefined) throw new Error('nothing was encrypted')
    const secret = await kms.decryptSecret?.({ ...call, ciphertext })
    expect(calls.map(({ operation }) => operation)).toEqual(['encrypt', 'decrypt'])
    for (const seen of calls)
      expect(Object.keys(seen).sort()).toEqual(['cmkId', 'discard', 'operation', 'signal'])
    calls[1]?.discard(secret)
    expect(secret).toEqual(new Uint8Array(7))
    const without = decorate(checked(new MemoryKms()), noting('a', []))
    expect([without.encryptSecret, without.decryptSecret]).toEqual([undefined, undefined])
  })

  it('a decorated KMS rejects if a provider throws before it returns a promise', async () => {
    const kms = new MemoryKms()
    kms.verify = () => {
      throw new TypeError('at once')
    }
    const decorated = decorate(kms, (made, run) => run(made.signal).finally(() => undefined))
    await expect(decorated.verify({ ...call, use: 'wrap' })).rejects.toThrow('at once')
  })

  it('a decorated KMS calls its provider with the signal that its decorators give', async () => {
    const own = AbortSignal.abort()
    const signals: AbortSignal[] = []
    const kms = new MemoryKms()
    kms.verify = (given) => {
      signals.push((given as unknown as { signal: AbortSignal }).signal)
      return Promise.resolve()
    }
    await decorate(kms, (_, run) => run(own)).verify({ ...call, use: 'wrap' })
    expect(signals).toEqual([own])
  })
})
