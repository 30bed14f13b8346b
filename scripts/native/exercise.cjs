// @ts-check
'use strict'
/*
 * Calls a build of the native engine with random batches, as right and as wrong as can be, for some seconds, and compares
 * with node:crypto and node:zlib. For builds with sanitizers, for valgrind, and for platforms on which the test runner does not run:
 *
 *   node scripts/native/exercise.cjs FOLDER SECONDS [SEED]
 */
const assert = require('node:assert')
const { createCipheriv } = require('node:crypto')
const { resolve } = require('node:path')
const { deflateRawSync, inflateRawSync } = require('node:zlib')

const [folder = 'native', seconds = '5', seedText = '1'] = process.argv.slice(2)
/** @type {typeof import('../../native/index.cjs')} */
const native = require(resolve(folder, 'index.cjs'))

// mulberry32: the same numbers in each run
let state = Number(seedText)
function next() {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return (t ^ (t >>> 14)) >>> 0
}
/** @param {number} limit */
const below = (limit) => next() % limit
/** Random bytes in memory of their own, so that a sanitizer sees its end. @param {number} length */
function bytes(length) {
  const all = Buffer.from(new ArrayBuffer(length))
  for (let i = 0; i < length; i++) all[i] = next()
  return all
}

/** The same for bytes that are there. @param {Uint8Array[]} parts */
function own(...parts) {
  const all = bytes(parts.reduce((sum, { length }) => sum + length, 0))
  Buffer.concat(parts).copy(all)
  return all
}

/** A batch with gaps between parts, and IV, tag and body in any order. */
function randomBatch() {
  const layout = []
  let [end, aadEnd] = [below(20), below(5)]
  for (let records = below(12); records > 0; records--) {
    const length = [0, below(40), below(2000), below(40) === 0 ? below(200_000) : below(300)][below(4)] ?? 0
    const parts = [12, 16, length].map((size, part) => ({ size, part, order: next(), at: 0 }))
    for (const part of parts.sort((a, b) => a.order - b.order)) {
      part.at = end + below(3)
      end = part.at + part.size
    }
    const [iv, tag, body] = parts.sort((a, b) => a.part - b.part).map(({ at }) => at)
    const aadAt = below(aadEnd + 1)
    aadEnd = Math.max(aadEnd, aadAt + below(100))
    layout.push(iv ?? 0, tag ?? 0, body ?? 0, (body ?? 0) + length, aadAt, aadEnd)
  }
  return { data: bytes(end + below(3)), aads: bytes(aadEnd), layout: Uint32Array.from(layout) }
}

/** @typedef {ReturnType<typeof randomBatch>} Batch */

/** @param {Batch} batch */
function places({ layout }) {
  const all = []
  for (let i = 0; i < layout.length; i += 6) {
    const [iv = 0, tag = 0, body = 0, bodyEnd = 0, aad = 0, aadEnd = 0] = layout.subarray(i, i + 6)
    all.push({ iv, tag, body, bodyEnd, aad, aadEnd })
  }
  return all
}

/** The layout of openInto, and how long its target is. @param {Batch} batch */
function copying(batch) {
  let target = below(3)
  const numbers = places(batch).flatMap(({ iv, tag, body, bodyEnd, aad, aadEnd }) => {
    const at = target
    target += bodyEnd - body + below(2)
    return [iv, tag, body, bodyEnd, aad, aadEnd, at]
  })
  return { layout: Uint32Array.from(numbers), target: bytes(target) }
}

/** The bodies in another buffer, in any order, with the layout of sealInto. @param {Batch} batch */
function scattered(batch) {
  const all = places(batch).map((place, i) => ({ ...place, i, order: next(), at: 0 }))
  let end = below(3)
  for (const one of [...all].sort((a, b) => a.order - b.order)) {
    one.at = end
    end += one.bodyEnd - one.body + below(2)
  }
  const source = bytes(end)
  const numbers = all.flatMap(({ iv, tag, body, bodyEnd, aad, aadEnd, at }) => {
    batch.data.copy(source, at, body, bodyEnd)
    return [iv, tag, at, at + bodyEnd - body, aad, aadEnd, body]
  })
  return { source, layout: Uint32Array.from(numbers) }
}

/** @param {Uint8Array} key @param {number} counter @param {Batch} batch */
function sealedByNode(key, counter, batch) {
  const data = Buffer.from(batch.data)
  places(batch).forEach(({ iv, tag, body, bodyEnd, aad, aadEnd }, i) => {
    data.fill(0, iv, iv + 4).writeBigUInt64BE(BigInt(counter + i), iv + 4)
    const cipher = createCipheriv('aes-256-gcm', key, data.subarray(iv, iv + 12))
    cipher.setAAD(batch.aads.subarray(aad, aadEnd))
    cipher.update(batch.data.subarray(body, bodyEnd)).copy(data, body)
    cipher.final()
    cipher.getAuthTag().copy(data, tag)
  })
  return data
}

/** Seals, damages some records, opens both ways. */
function rightCalls() {
  const keyBytes = bytes(32)
  const key = native.createKey(keyBytes)
  const batch = randomBatch()
  const plain = Buffer.from(batch.data)
  const counter = below(2) === 0 ? below(1000) : Number.MAX_SAFE_INTEGER - 20
  const expected = sealedByNode(keyBytes, counter, batch)
  if (below(2) === 0) native.seal(key, counter, batch.data, batch.aads, batch.layout)
  else {
    const { source, layout } = scattered(batch)
    places(batch).forEach(({ body, bodyEnd }) => batch.data.fill(0, body, bodyEnd))
    native.sealInto(key, counter, source, batch.data, batch.aads, layout)
  }
  assert.ok(batch.data.equals(expected), 'the engine and node:crypto seal to different bytes')

  const records = places(batch)
  const damaged = records.map(({ tag }) => {
    if (below(3) > 0) return false
    batch.data[tag + below(16)] ^= 1 << below(8)
    return true
  })
  const source = Buffer.from(batch.data)
  const { layout, target } = copying(batch)
  const opened = bytes(records.length)
  const failed = native.openInto(key, batch.data, target, batch.aads, layout, opened)
  assert.equal(failed, damaged.filter(Boolean).length)
  records.forEach(({ iv, tag, body, bodyEnd, aad, aadEnd }, i) => {
    const at = layout[7 * i + 6] ?? 0
    const wanted = damaged[i] ? Buffer.alloc(bodyEnd - body) : plain.subarray(body, bodyEnd)
    assert.ok(target.subarray(at, at + wanted.length).equals(wanted), 'opened with others')
    assert.equal(opened[i], damaged[i] ? 0 : 1)
    // The end of the source is the end of the body: IV and tag may lie behind it, and are moved before it.
    const source = own(
      batch.data.subarray(iv, iv + 12),
      batch.data.subarray(tag, tag + 16),
      batch.data.subarray(body, bodyEnd),
    )
    const alone = bytes(wanted.length)
    assert.equal(
      native.openOne(key, source, alone, own(batch.aads.subarray(aad, aadEnd)), 0, 12, 28),
      !damaged[i],
    )
    assert.ok(alone.equals(wanted), 'opened alone')
  })
  assert.ok(batch.data.equals(source), 'opening changes no sealed byte')
  if (below(2) === 0) native.destroyKey(key)
}

const NUMBERS = [0, 1, 11, 12, 15, 16, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 16, 2 ** 32 - 12, 2 ** 32 - 1]

/** Wrong offsets of a record alone. @returns {boolean} whether it was refused */
function wrongAlone() {
  const key = native.createKey(bytes(32))
  const source = bytes(28 + below(100))
  const target = bytes(below(3) === 0 ? below(100) : source.length - 28)
  const guarded = Buffer.concat([bytes(32), target, bytes(32)])
  const before = Buffer.from(guarded)
  const numbers = [0, 12, 28].map(
    (at) => [at, at, at + below(8) - 4, NUMBERS[below(NUMBERS.length)] ?? 0][below(4)] ?? 0,
  )
  const [iv = 0, tag = 0, body = 0] = numbers
  const view = guarded.subarray(32, 32 + target.length)
  try {
    assert.equal(native.openOne(key, source, view, bytes(below(40)), iv, tag, body), false)
    assert.ok(
      view.every((byte) => byte === 0),
      'what does not open is zeros',
    )
    assert.ok(guarded.subarray(0, 32).equals(before.subarray(0, 32)), 'it wrote before its target')
    assert.ok(guarded.subarray(-32).equals(before.subarray(-32)), 'it wrote behind its target')
    return false
  } catch (error) {
    assert.ok(
      ['NATIVE_LAYOUT', 'NATIVE_ARGUMENT'].includes(/** @type {{ code: string }} */ (error).code),
      String(error),
    )
    assert.ok(guarded.equals(before), 'a call that was refused wrote something')
    return true
  }
}

/** A good layout with some numbers changed, between guards that must stay. @returns {boolean} whether it was refused */
function wrongCall() {
  const key = native.createKey(bytes(32))
  const batch = randomBatch()
  const { layout, target } = copying(batch)
  const from = scattered(batch)
  const call = below(3)
  const numbers = call === 0 ? layout : call === 1 ? from.layout : batch.layout
  for (let changes = 1 + below(4); changes > 0 && numbers.length > 0; changes--) {
    const at = below(numbers.length)
    numbers[at] = below(2) === 0 ? (NUMBERS[below(NUMBERS.length)] ?? 0) : (numbers[at] ?? 0) + below(64) - 32
  }
  const whole = bytes(batch.data.length + 64)
  const before = Buffer.from(whole)
  const data = whole.subarray(32, whole.length - 32)
  const opened = bytes(numbers.length / (call < 2 ? 7 : 6))
  let refused = false
  try {
    if (call === 0) native.openInto(key, data, target, batch.aads, layout, opened)
    else if (call === 1) native.sealInto(key, below(100), from.source, data, batch.aads, from.layout)
    else native.seal(key, below(100), data, batch.aads, batch.layout)
  } catch (error) {
    assert.equal(/** @type {{ code: unknown }} */ (error).code, 'NATIVE_LAYOUT')
    assert.ok(whole.equals(before), 'a call that was refused wrote something')
    refused = true
  }
  for (const [from, to] of [
    [0, 32],
    [whole.length - 32, whole.length],
  ]) {
    assert.ok(whole.subarray(from, to).equals(before.subarray(from, to)), 'it wrote outside its buffer')
  }
  return refused
}

/** Random text that repeats itself, or random bytes. @param {number} length */
function text(length) {
  const all = bytes(length)
  if (below(3) > 0)
    for (let i = 0; i < length; i++)
      all[i] = i > 20 && below(30) > 0 ? (all[i - 1 - below(20)] ?? 0) : 65 + below(26)
  return all
}

/** What node:zlib makes of a stream: undefined unless it is exactly one. @param {Buffer} stream @param {Buffer} dictionary */
function inflatedByNode(stream, dictionary) {
  try {
    const inflated = inflateRawSync(stream, { dictionary, info: true, maxOutputLength: 2 ** 20 })
    const { buffer, engine } = /** @type {{ buffer: Buffer, engine: { bytesWritten: number } }} */ (
      /** @type {unknown} */ (inflated)
    )
    return engine.bytesWritten === stream.length ? buffer : undefined
  } catch {
    return undefined
  }
}

/** One dictionary, some values: streams as they are, damaged, and too large for the target. @returns {number} of values */
function streams() {
  const dictionary = text([1, 32_768, 1 + below(100), 1 + below(32_768)][below(4)] ?? 1)
  const [deflater, inflater] = [native.createDeflater(dictionary), native.createInflater(dictionary)]
  const values = below(20)
  for (let i = 0; i < values; i++) {
    const value = Buffer.concat([
      text(below(500)),
      dictionary.subarray(below(dictionary.length)),
      text(below(40) === 0 ? below(100_000) : 9),
    ])
    const target = bytes(below(10) === 0 ? below(value.length + 1) : value.length + 1000)
    const length = native.deflate(deflater, value, target)
    const expected = deflateRawSync(value, { dictionary })
    if (target.length >= value.length + 1000) assert.ok(length >= 0, 'there was room for the stream')
    if (length >= 0)
      assert.ok(
        inflatedByNode(target.subarray(0, length), dictionary)?.equals(value),
        'node:zlib reads the stream',
      )
    const changes = below(3)
    for (let change = 0; change < changes; change++) expected[below(expected.length)] ^= 1 << below(8)
    const ends = [expected.length, expected.length, below(expected.length)][below(3)] ?? 0
    const stream = Buffer.concat([expected.subarray(0, ends), bytes(below(4) === 0 ? below(5) : 0)])
    const own = Buffer.from(new ArrayBuffer(stream.length))
    stream.copy(own)
    const room = bytes(below(4) === 0 ? below(value.length + 2) : value.length + 300)
    const inflated = native.inflate(inflater, own, room)
    const byNode = inflatedByNode(stream, dictionary)
    assert.equal(inflated, byNode !== undefined && byNode.length <= room.length ? byNode.length : -1)
    if (inflated >= 0) assert.ok(room.subarray(0, inflated).equals(byNode ?? bytes(0)), 'both read the same')
  }
  return values
}

const end = performance.now() + 1000 * Number(seconds)
let [right, refused, accepted, values] = [0, 0, 0, 0]
while (performance.now() < end) {
  rightCalls()
  right++
  for (let i = 0; i < 4; i++) (below(4) === 0 ? wrongAlone() : wrongCall()) ? refused++ : accepted++
  if (right % 8 === 0) values += streams()
}
assert.ok(right > 0 && refused > 0 && values > 0)
console.log(
  `native engine, Node.js ${process.version} on ${process.platform}-${process.arch}: ${String(right)} batches with the bytes of` +
    ` node:crypto; ${String(refused)} wrong layouts refused, ${String(accepted)} changed ones accepted;` +
    ` ${String(values)} values in streams that it and node:zlib read alike; seed ${seedText}`,
)
