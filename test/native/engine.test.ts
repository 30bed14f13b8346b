import { randomBytes } from 'node:crypto'
import { MessageChannel } from 'node:worker_threads'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Dek } from '../../src/crypto/dek.js'
import { nodeEngine, type SealBatch, type SealedBody } from '../../src/crypto/engine.js'
import { nativeEngine } from '../../src/crypto/native-engine.js'
import { DEFAULT_SUITE, type Suite } from '../../src/crypto/suites.js'
import { addon } from './batch.js'

const engine = nativeEngine(addon)
const key = Dek.take(new Uint8Array(32).fill(9)).contentKey(DEFAULT_SUITE, Buffer.alloc(16, 1))

/** A batch with room for bodies, and a head of three bytes before each. */
function batchOf(bodies: readonly (Buffer | string)[], aads: readonly Buffer[]): SealBatch {
  const places: number[] = []
  let [at, aadAt] = [0, 0]
  for (const [i, body] of bodies.entries()) {
    const bodyAt = at + 3 + 28
    places.push(at + 3, at + 15, bodyAt, (at = bodyAt + Buffer.byteLength(body)))
    places.push(aadAt, (aadAt += aads[i]?.length ?? 0))
  }
  return {
    plaintexts: bodies,
    target: Buffer.alloc(at, 0xee),
    aads: Buffer.concat(aads),
    places: Uint32Array.from(places),
  }
}

/** The sealed records of a batch: parts of its target, or in memory of their own. */
function sourcesOf({ target, places }: SealBatch, own: boolean): Buffer[] {
  const sources: Buffer[] = []
  for (let at = 0, start = 0; at < places.length; at += 6) {
    const end = places[at + 3] as number
    const part = target.subarray(start, end)
    sources.push(own ? Buffer.from(part) : part)
    start = end
  }
  return sources
}

/** Where the parts are in each source. An engine may change them. */
function placesToOpen({ places }: SealBatch): Uint32Array {
  const all: number[] = []
  for (let at = 0; at < places.length; at += 6) all.push(3, 15, 31, 0, ...places.slice(at + 4, at + 6), 0)
  return Uint32Array.from(all)
}

const bodies = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes): Buffer | string => Buffer.from(bytes)),
    fc.string({ unit: 'binary' }),
    fc.nat(40_000).map((length): Buffer | string => randomBytes(length)),
  ),
  { maxLength: 8 },
)

it('both engines give the same bytes, and each opens those of the other, in one buffer and in many', () => {
  fc.assert(
    fc.property(bodies, fc.nat(2 ** 31), fc.boolean(), (plaintexts, counter, own) => {
      const aads = plaintexts.map((_, i) => randomBytes(i % 4 === 0 ? 0 : i * 7))
      const [native, node] = [batchOf(plaintexts, aads), batchOf(plaintexts, aads)]
      engine.sealMany(key, counter, native)
      nodeEngine.sealMany(key, counter, node)
      expect(native.target.equals(node.target)).toBe(true)
      const sources = sourcesOf(native, own)
      const isSame = (opened: Buffer | undefined, i: number): boolean =>
        opened?.equals(Buffer.from(plaintexts[i] as string)) === true
      for (const one of [engine, nodeEngine]) {
        const opened = one.openMany(key, { sources, aads: native.aads, places: placesToOpen(native) })
        expect(opened.length).toBe(plaintexts.length)
        expect(opened.every(isSame)).toBe(true)
        const places = placesToOpen(native)
        const alone = sources.map((source, i) =>
          one.openOne(key, bodyAlone(source, native.aads, places.subarray(7 * i))),
        )
        expect(alone.every(isSame)).toBe(true)
      }
    }),
    { numRuns: 60 },
  )
})

it('a record that was changed does not open, and those beside it do', () => {
  const plaintexts = ['first', 'second', 'third']
  const batch = batchOf(plaintexts, [Buffer.from('a'), Buffer.from('b'), Buffer.from('c')])
  engine.sealMany(key, 0, batch)
  for (const own of [true, false]) {
    const sources = sourcesOf(batch, own).map((source) => Buffer.from(source))
    const changed = sources[1] as Buffer
    changed.writeUInt8(changed.readUInt8(changed.length - 1) ^ 1, changed.length - 1)
    const opened = engine.openMany(key, { sources, aads: batch.aads, places: placesToOpen(batch) })
    expect(opened.map((body) => body?.toString())).toEqual(['first', undefined, 'third'])
  }
})

/** A record of a batch by itself. */
function bodyAlone(source: Buffer, aads: Buffer, places: Uint32Array): SealedBody {
  const [ivAt = 0, tagAt = 0, bodyAt = 0, , aadAt, aadEnd] = places
  return { source, ivAt, tagAt, bodyAt, aad: aads.subarray(aadAt, aadEnd) }
}

/** Opens the records of a batch, together or one by one. */
function openedOf(batch: SealBatch, alone: boolean, using = key): (Buffer | undefined)[] {
  const sources = sourcesOf(batch, false)
  const places = placesToOpen(batch)
  const { aads } = batch
  if (!alone) return engine.openMany(using, { sources, aads, places })
  return sources.map((source, i) => engine.openOne(using, bodyAlone(source, aads, places.subarray(7 * i))))
}

it.each([false, true])(
  'values that share memory cannot be transferred to another thread: that would take others away (one by one: %s)',
  (alone) => {
    const plaintexts = ['first', 'second', 'third', 'fourth']
    const batch = batchOf(
      plaintexts,
      plaintexts.map(() => Buffer.alloc(0)),
    )
    engine.sealMany(key, 0, batch)
    const opened = openedOf(batch, alone) as Buffer[]
    const [one, other] = opened.slice(-2) as [Buffer, Buffer]
    expect(one.buffer).toBe(other.buffer)
    const { port1 } = new MessageChannel()
    try {
      // Node.js 20 copies instead.
      port1.postMessage(one, [one.buffer as ArrayBuffer])
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataCloneError' })
    } finally {
      port1.close()
    }
    expect(opened.map(String)).toEqual(plaintexts)
  },
)

it('values share little memory, no part of it twice, and large ones none', () => {
  const sizes = [
    0,
    1,
    4096,
    4097,
    8191,
    8192,
    40_000,
    100_000,
    ...Array.from({ length: 60 }, (_, i) => 50 * i),
  ]
  const plaintexts = sizes.map((size) => randomBytes(size))
  const batch = batchOf(
    plaintexts,
    plaintexts.map(() => Buffer.alloc(0)),
  )
  engine.sealMany(key, 0, batch)
  for (const alone of [false, true]) {
    const opened = openedOf(batch, alone) as Buffer[]
    expect(opened.map((body, i) => body.equals(plaintexts[i] as Buffer))).toEqual(sizes.map(() => true))
    for (const body of opened) {
      const isOwn = body.buffer.byteLength === body.length
      expect(isOwn || body.buffer.byteLength <= 2 ** 15).toBe(true)
    }
    // Each is written after the others were opened: a part that two of them had would show.
    for (const [i, body] of opened.entries()) body.fill(i)
    expect(opened.every((body, i) => body.every((byte) => byte === i))).toBe(true)
  }
})

it('values share memory only with others that the same key opens', () => {
  const others = Dek.take(new Uint8Array(32).fill(8)).contentKey(DEFAULT_SUITE, Buffer.alloc(16, 1))
  const buffers = [key, others, key, others].map((one) => {
    const batch = batchOf(['first', 'second', 'third'], [Buffer.alloc(0), Buffer.alloc(0), Buffer.alloc(0)])
    engine.sealMany(one, 0, batch)
    return [false, true].flatMap((alone) => openedOf(batch, alone, one).map((body) => body?.buffer))
  })
  for (const [i, some] of buffers.entries())
    for (const more of buffers.slice(i + 1)) expect(some.filter((one) => more.includes(one))).toEqual([])
})

it('a record that does not open leaves nothing in the memory that it shares with others', () => {
  const plaintexts = ['first', 'a secret that was changed', 'third']
  const batch = batchOf(plaintexts, [Buffer.alloc(0), Buffer.alloc(0), Buffer.alloc(0)])
  engine.sealMany(key, 0, batch)
  const tagAt = batch.places[7] as number
  batch.target.writeUInt8(batch.target.readUInt8(tagAt) ^ 1, tagAt)
  for (const alone of [false, true]) {
    openedOf(batch, true)
    const opened = openedOf(batch, alone)
    expect(opened.map((body) => body?.toString())).toEqual(['first', undefined, 'third'])
    expect(Buffer.from(opened[2]?.buffer as ArrayBuffer).includes('a secret')).toBe(false)
  }
})

it('what was opened stays as it is, whatever becomes of the sealed bytes', () => {
  const batch = batchOf(['value', 'other'], [Buffer.alloc(0), Buffer.alloc(0)])
  engine.sealMany(key, 0, batch)
  const sources = sourcesOf(batch, false)
  const opened = engine.openMany(key, { sources, aads: batch.aads, places: placesToOpen(batch) })
  batch.target.fill(0)
  expect(opened.map((body) => body?.toString())).toEqual(['value', 'other'])
})

it('a record in memory that threads share is opened from a copy', () => {
  const batch = batchOf(['value'], [Buffer.from('aad')])
  engine.sealMany(key, 0, batch)
  const shared = Buffer.from(new SharedArrayBuffer(batch.target.length))
  batch.target.copy(shared)
  expect(String(engine.openOne(key, bodyAlone(shared, batch.aads, placesToOpen(batch))))).toBe('value')
})

it('an IV or a tag that is cut off is never read from what follows', () => {
  const batch = batchOf([''], [Buffer.alloc(0)])
  engine.sealMany(key, 0, batch)
  for (let length = 0; length < 31; length++) {
    const cut = batch.target.subarray(0, length)
    const places = placesToOpen(batch)
    expect(() => engine.openMany(key, { sources: [cut], aads: batch.aads, places })).toThrow(RangeError)
    for (const one of [engine, nodeEngine])
      expect(() => one.openOne(key, bodyAlone(cut, batch.aads, places))).toThrow(RangeError)
  }
})

it('a suite that the addon does not have is left to node:crypto', () => {
  const suite: Suite = { ...DEFAULT_SUITE, cipher: 'aes-128-gcm', keyBytes: 16 }
  const short = Dek.take(new Uint8Array(32).fill(3)).contentKey(suite, Buffer.alloc(16, 1))
  const [native, node] = [batchOf(['x'], [Buffer.alloc(0)]), batchOf(['x'], [Buffer.alloc(0)])]
  engine.sealMany(short, 0, native)
  nodeEngine.sealMany(short, 0, node)
  expect(native.target).toEqual(node.target)
  const batch = { sources: sourcesOf(native, true), aads: native.aads, places: placesToOpen(native) }
  expect(engine.openMany(short, batch).map(String)).toEqual(['x'])
  const body = bodyAlone(batch.sources[0] as Buffer, batch.aads, placesToOpen(native))
  expect(String(engine.openOne(short, body))).toBe('x')
})
