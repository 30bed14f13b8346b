import { runInNewContext } from 'node:vm'
import { describe, expect, it, vi } from 'vitest'
import type { ContentKey } from '../../src/crypto/content-key.js'
import { chooseEngine } from '../../src/crypto/choose-engine.js'
import { Dek } from '../../src/crypto/dek.js'
import type { SealBatch } from '../../src/crypto/engine.js'
import { nativeEngine, type NativeAddon } from '../../src/crypto/native-engine.js'
import { DEFAULT_SUITE } from '../../src/crypto/suites.js'
import { CANARY } from '../support/emissions.js'

/** An addon whose calls show what the engine hands over. It seals by adding one to each byte. */
function fakeAddon(more: Partial<NativeAddon> = {}) {
  const created: Buffer[] = []
  const given: Uint8Array[] = []
  const destroyed: object[] = []
  const addon: NativeAddon = {
    interfaceVersion: 3,
    createKey: (bytes) => {
      given.push(bytes)
      created.push(Buffer.from(bytes))
      return { number: created.length }
    },
    destroyKey: (key) => void destroyed.push(key),
    seal: () => undefined,
    sealInto: () => undefined,
    openInto: () => 0,
    openOne: () => false,
    createDeflater: () => ({}),
    createInflater: () => ({}),
    deflate: () => -1,
    inflate: () => -1,
    ...more,
  }
  return { addon, created, given, destroyed }
}

function contentKey(seed = 3): ContentKey {
  return Dek.take(new Uint8Array(32).fill(seed)).contentKey(DEFAULT_SUITE, Buffer.alloc(16, 1))
}

describe('keys of the native engine', () => {
  it('a key is imported once, from bytes that are wiped, and destroyed with the content key', () => {
    const { addon, created, given, destroyed } = fakeAddon()
    const engine = nativeEngine(addon)
    const key = contentKey()
    const batch: SealBatch = {
      plaintexts: [],
      target: Buffer.alloc(0),
      aads: Buffer.alloc(0),
      places: new Uint32Array(),
    }
    engine.sealMany(key, 0, batch)
    engine.sealMany(key, 0, batch)
    expect(created).toEqual([key.keyObject().export()])
    expect(Buffer.from(given[0] as Uint8Array)).toEqual(Buffer.alloc(32))
    expect(destroyed).toEqual([])
    key.destroy()
    key.destroy()
    expect(destroyed).toEqual([{ number: 1 }])
    expect(() => {
      engine.sealMany(key, 0, batch)
    }).toThrow(/KEY_DESTROYED/)
  })

  it('a key that the addon refuses leaves no bytes behind', () => {
    let bytes: Uint8Array | undefined
    const { addon } = fakeAddon({
      createKey: (given) => {
        bytes = given
        throw new Error('no memory')
      },
    })
    const batch: SealBatch = {
      plaintexts: [],
      target: Buffer.alloc(0),
      aads: Buffer.alloc(0),
      places: new Uint32Array(),
    }
    expect(() => {
      nativeEngine(addon).sealMany(contentKey(), 0, batch)
    }).toThrow('no memory')
    expect(Buffer.from(bytes as Uint8Array)).toEqual(Buffer.alloc(32))
  })
})

describe('opening with the native engine', () => {
  it('a record counts as opened only if the addon says so in the same call', () => {
    let says = 0
    const { addon } = fakeAddon({
      openInto: (...args) => {
        if (says === 1) args[5].fill(1)
        return 0
      },
      openOne: () => says === 1,
    })
    const engine = nativeEngine(addon)
    const key = contentKey()
    const source = Buffer.alloc(29)
    const body = { source, ivAt: 0, tagAt: 12, bodyAt: 28, aad: Buffer.alloc(0) }
    const place = [0, 12, 28, 0, 0, 0, 0]
    const batch = () => ({
      sources: [source, source],
      aads: body.aad,
      places: Uint32Array.of(...place, ...place),
    })
    for (const open of [() => [engine.openOne(key, body)], () => engine.openMany(key, batch())]) {
      says = 1
      expect(open()).not.toContain(undefined)
      says = 0
      expect(new Set(open())).toEqual(new Set([undefined]))
    }
  })
})

describe('sealing with the native engine', () => {
  const batchOf = (plaintexts: readonly (Buffer | string)[], lengths: readonly number[]): SealBatch => {
    const places: number[] = []
    let at = 0
    for (const length of lengths) places.push(at, at + 12, at + 28, (at += 28 + length), 0, 0)
    return {
      plaintexts,
      target: Buffer.alloc(at, 0xee),
      aads: Buffer.alloc(0),
      places: Uint32Array.from(places),
    }
  }

  it.each([
    ['shorter', Buffer.from('ab'), 3],
    ['longer', Buffer.from('abcd'), 3],
    ['a longer text', 'äbc', 3],
  ])('a value that becomes %s while it is sealed is refused, and no plaintext stays', (_, value, length) => {
    const seal = vi.fn()
    const { addon } = fakeAddon({ seal })
    const batch = batchOf([CANARY, value], [CANARY.length, length])
    expect(() => {
      nativeEngine(addon).sealMany(contentKey(), 0, batch)
    }).toThrow(/INVALID_RECORD/)
    expect(seal).not.toHaveBeenCalled()
    expect(batch.target).toEqual(Buffer.alloc(batch.target.length))
  })

  it('a value that becomes longer while it is sealed alone is refused', () => {
    const sealInto = vi.fn()
    const { addon } = fakeAddon({ sealInto })
    expect(() => {
      nativeEngine(addon).sealMany(contentKey(), 0, batchOf([Buffer.from('abcd')], [3]))
    }).toThrow(/INVALID_RECORD/)
    expect(sealInto).not.toHaveBeenCalled()
  })

  it('a batch that offsets of 32 bits cannot address is refused, and not sealed in part', () => {
    const [seal, sealInto] = [vi.fn(), vi.fn()]
    const { addon } = fakeAddon({ seal, sealInto })
    const huge = { length: 2 ** 31 } as Buffer
    for (const plaintexts of [[CANARY], [Buffer.from(CANARY)]])
      expect(() => {
        nativeEngine(addon).sealMany(contentKey(), 0, { ...batchOf([CANARY], [6]), plaintexts, target: huge })
      }).toThrow(/TOO_LARGE/)
    expect(seal).not.toHaveBeenCalled()
    expect(sealInto).not.toHaveBeenCalled()
  })

  it('no plaintext stays if the addon fails', () => {
    const { addon } = fakeAddon({
      seal: () => {
        throw new Error('NATIVE_OPENSSL')
      },
    })
    const batch = batchOf([CANARY], [CANARY.length])
    expect(() => {
      nativeEngine(addon).sealMany(contentKey(), 0, batch)
    }).toThrow('NATIVE_OPENSSL')
    expect(batch.target).toEqual(Buffer.alloc(batch.target.length))
  })
})

describe('the choice of the engine', () => {
  const { addon } = fakeAddon()
  const missing = Object.assign(new Error("Cannot find package 'kafka-envelope-native'"), {
    code: 'ERR_MODULE_NOT_FOUND',
  })
  const fails = (cause: Error) => () => Promise.reject(new Error('cannot be loaded', { cause }))
  const name = async (...args: Parameters<typeof chooseEngine>): Promise<string> =>
    (await chooseEngine(...args)).name
  const refused = (message: RegExp): unknown =>
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) as string })

  it('the native engine is taken where it is installed, unless the variable says node', async () => {
    const load = () => Promise.resolve({ default: addon })
    expect(await name('', load)).toBe('native')
    expect(await name('native', load)).toBe('native')
    expect(await name('node', load)).toBe('node')
  })

  it('where it is not installed, the engine on node:crypto is taken without a warning', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue(undefined)
    expect(await name('', fails(missing))).toBe('node')
    // As under Jest, whose tests have an Error of their own.
    const foreign = runInNewContext('Object.assign(new Error(message), { code })', {
      message: "Cannot find module 'kafka-envelope-native' from 'choose-engine.js'",
      code: 'MODULE_NOT_FOUND',
    }) as Error
    expect(await name('', fails(foreign))).toBe('node')
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
  })

  it.each([
    ['does not load', fails(new Error('no binary for plan9-x64')), /no binary for plan9-x64/],
    [
      'does not load for a reason of the system',
      fails(new Error('the binary does not load', { cause: new Error('undefined symbol: EVP_x') })),
      /undefined symbol: EVP_x/,
    ],
    [
      'is installed without its files',
      fails(
        Object.assign(new Error("Cannot find module '/app/node_modules/kafka-envelope-native/index.cjs'"), {
          code: 'MODULE_NOT_FOUND',
        }),
      ),
      /index.cjs/,
    ],
    ['is of another release', () => Promise.resolve({ ...addon, interfaceVersion: 1 }), /interface 1, not 3/],
  ])('where it %s, a warning says why, and the engine on node:crypto is taken', async (_, load, reason) => {
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue(undefined)
    expect(await name('', load)).toBe('node')
    expect(warn.mock.calls).toEqual([[expect.stringMatching(reason), 'KafkaEnvelopeWarning']])
    warn.mockRestore()
    await expect(chooseEngine('native', load)).rejects.toEqual(refused(reason))
  })

  it('a variable that demands the native engine, or names another one, is a mistake in the configuration', async () => {
    await expect(chooseEngine('native', fails(missing))).rejects.toEqual(refused(/is not installed/))
    await expect(chooseEngine('rust', () => Promise.resolve(addon))).rejects.toEqual(
      refused(/expected "node" or "native", got "rust"/),
    )
  })
})
