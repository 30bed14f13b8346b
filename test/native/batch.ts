import { createCipheriv, createDecipheriv } from 'node:crypto'
import { expect } from 'vitest'
import { compileHereOnce } from '../../scripts/native/compile.js'

// Where no C compiler is, vitest.config.ts leaves these tests out, and says so.
if (!compileHereOnce()) throw new Error('this machine has no C compiler')
const native = await import('../../native/index.cjs')
export const { createKey, destroyKey, openInto, openOne, seal, sealInto } = native
export const { createDeflater, createInflater, deflate, inflate } = native
/** All of it, as the library imports it. */
export const addon: typeof native = native

export interface Plain {
  readonly body: Buffer
  readonly aad: Buffer
}

/** A batch as the engine of the library lays it out: heads, IVs, tags and bodies in one buffer, AADs in another. */
export interface Packed {
  readonly data: Buffer
  readonly aads: Buffer
  readonly layout: Uint32Array
}

const IV_BYTES = 12
const TAG_BYTES = 16
/** A head that no function may touch. */
const HEAD = Buffer.from('head')

/** A buffer of its own, not a part of Node's pool, so that a sanitizer sees its end. */
function concat(parts: readonly Uint8Array[]): Buffer {
  const all = Buffer.concat(parts)
  const own = Buffer.from(new ArrayBuffer(all.length))
  all.copy(own)
  return own
}

/** Lays out a batch to seal, with its bodies in place. */
export function pack(records: readonly Plain[]): Packed {
  return packed(
    records,
    records.map(({ body }) => Buffer.concat([HEAD, Buffer.alloc(IV_BYTES + TAG_BYTES), body])),
  )
}

/** The same batch, sealed by `node:crypto`. */
export function sealedByNode(key: Uint8Array, firstCounter: number, records: readonly Plain[]): Packed {
  return packed(
    records,
    records.map(({ body, aad }, i) => {
      const iv = Buffer.alloc(IV_BYTES)
      iv.writeBigUInt64BE(BigInt(firstCounter) + BigInt(i), 4)
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad)
      const ciphertext = Buffer.concat([cipher.update(body), cipher.final()])
      return Buffer.concat([HEAD, iv, cipher.getAuthTag(), ciphertext])
    }),
  )
}

function packed(records: readonly Plain[], values: readonly Buffer[]): Packed {
  const layout: number[] = []
  let [at, aadAt] = [0, 0]
  values.forEach((value, i) => {
    const aadEnd = aadAt + (records[i]?.aad.length ?? 0)
    const ivAt = at + HEAD.length
    const tagAt = ivAt + IV_BYTES
    layout.push(ivAt, tagAt, tagAt + TAG_BYTES, at + value.length, aadAt, aadEnd)
    at += value.length
    aadAt = aadEnd
  })
  return {
    data: concat(values),
    aads: concat(records.map(({ aad }) => aad)),
    layout: Uint32Array.from(layout),
  }
}

/** Record `index` of a batch, opened by `node:crypto`; throws if it does not authenticate. */
export function openedByNode(key: Uint8Array, { data, aads, layout }: Packed, index: number): Buffer {
  const [ivAt, tagAt, bodyAt, bodyEnd, aadAt, aadEnd] = numbers(layout, index)
  const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(ivAt, ivAt + IV_BYTES))
  decipher.setAAD(aads.subarray(aadAt, aadEnd)).setAuthTag(data.subarray(tagAt, tagAt + TAG_BYTES))
  return Buffer.concat([decipher.update(data.subarray(bodyAt, bodyEnd)), decipher.final()])
}

export function body({ data, layout }: Packed, index: number): Buffer {
  const [, , bodyAt, bodyEnd] = numbers(layout, index)
  return data.subarray(bodyAt, bodyEnd)
}

/** Opens a batch at once and, in targets of their own, one by one. Both give the same bytes and outcomes. */
export function openBoth(
  key: ReturnType<typeof createKey>,
  batch: Packed,
): { failed: number; opened: number[]; bodies: Buffer[] } {
  const { layout, targetBytes } = copying(batch)
  const records = layout.length / 7
  const [target, opened] = [Buffer.alloc(targetBytes, 0xee), new Uint8Array(records).fill(9)]
  const failed = openInto(key, batch.data, target, batch.aads, layout, opened)
  const bodies = Array.from({ length: records }, (_, i) => {
    const [ivAt, tagAt, bodyAt, bodyEnd, aadAt, aadEnd, targetAt = 0] = layout.subarray(7 * i, 7 * i + 7)
    const source = batch.data.subarray(0, bodyEnd)
    const alone = Buffer.alloc(source.length - (bodyAt ?? 0), 0xee)
    const aad = batch.aads.subarray(aadAt, aadEnd)
    const isOpened = openOne(key, source, alone, aad, ivAt ?? 0, tagAt ?? 0, bodyAt ?? 0)
    expect(isOpened).toBe(opened[i] === 1)
    expect(alone.equals(target.subarray(targetAt, targetAt + alone.length))).toBe(true)
    return alone
  })
  return { failed, opened: [...opened], bodies }
}

type Six = readonly [number, number, number, number, number, number]

export function numbers(layout: Uint32Array, index: number): Six {
  return [...layout.subarray(6 * index, 6 * index + 6)] as unknown as Six
}

/** The layout of openInto, with the bodies one after another. */
export function copying({ layout }: Packed): { layout: Uint32Array; targetBytes: number } {
  const all: number[] = []
  let targetAt = 0
  for (let i = 0; i < layout.length / 6; i++) {
    const record = numbers(layout, i)
    all.push(...record, targetAt)
    targetAt += record[3] - record[2]
  }
  return { layout: Uint32Array.from(all), targetBytes: targetAt }
}

/** The layout of sealInto, for a batch whose bodies are one after another in a source. */
export function sealing(batch: Packed, records: readonly Plain[]): { layout: Uint32Array; source: Buffer } {
  let at = 0
  const all = records.flatMap(({ body }, i) => {
    const [ivAt, tagAt, bodyAt, , aadAt, aadEnd] = numbers(batch.layout, i)
    at += body.length
    return [ivAt, tagAt, at - body.length, at, aadAt, aadEnd, bodyAt]
  })
  return { layout: Uint32Array.from(all), source: concat(records.map(({ body }) => body)) }
}

/** Random bytes that are the same in each run (mulberry32). */
export function seeded(seed: number): { below(limit: number): number; bytes(length: number): Buffer } {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
  return {
    below: (limit) => next() % limit,
    bytes: (length) => {
      const bytes = Buffer.alloc(length)
      for (let i = 0; i < length; i++) bytes[i] = next()
      return bytes
    },
  }
}
