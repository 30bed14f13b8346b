// Not the global, which is a getter: its cost shows where it is called for each record.
import { Buffer } from 'node:buffer'
import { byteLength } from '../envelope/bytes.js'
import { EnvelopeError } from '../errors.js'
import type { ContentKey, KeyImport } from './content-key.js'
import {
  OPEN_PLACES,
  SEAL_PLACES,
  nodeEngine,
  type Engine,
  type OpenBatch,
  type SealBatch,
  type SealedBody,
} from './engine.js'
import { nativeDeflate, type DeflateAddon } from './native-deflate.js'
import { PlaintextMemory, SHARED_BYTES } from './plaintext-memory.js'
import type { Suite } from './suites.js'

/** The functions of `kafka-envelope-native` that are used here, as its types describe them. */
export interface NativeAddon extends DeflateAddon {
  readonly interfaceVersion: number
  createKey(bytes: Uint8Array): object
  destroyKey(key: object): void
  seal(key: object, firstCounter: number, data: Uint8Array, aads: Uint8Array, layout: Uint32Array): void
  sealInto(
    key: object,
    firstCounter: number,
    source: Uint8Array,
    target: Uint8Array,
    aads: Uint8Array,
    layout: Uint32Array,
  ): void
  openInto(
    key: object,
    source: Uint8Array,
    target: Uint8Array,
    aads: Uint8Array,
    layout: Uint32Array,
    opened: Uint8Array,
  ): number
  openOne(
    key: object,
    source: Uint8Array,
    target: Uint8Array,
    aad: Uint8Array,
    ivAt: number,
    tagAt: number,
    bodyAt: number,
  ): boolean
}

const LAYOUT_PLACES = 7
/** What one call opens, unless a record alone is larger: as much as shares memory. */
const CALL_BYTES = SHARED_BYTES
/** From here on, a call of its own costs less than a copy. */
const LARGE_BYTES = 2 ** 13
/** Offsets have 32 bits, and OpenSSL takes lengths of 31. */
const MAX_BYTES = 2 ** 31 - 1

/** The engine on the addon. Suites that the addon does not have are left to `node:crypto`. */
export function nativeEngine(addon: NativeAddon): Engine {
  const keys: KeyImport<object> = {
    create: (bytes) => addon.createKey(bytes),
    destroy: (key) => {
      addon.destroyKey(key)
    },
  }
  const memory = new PlaintextMemory()
  const opening = { addon, keys, memory }
  return {
    name: 'native',
    opensInTurn: 4000,

    sealMany(key, firstCounter, batch) {
      if (!isSupported(key.suite)) nodeEngine.sealMany(key, firstCounter, batch)
      else seal(addon, key.importedBy(keys), firstCounter, batch)
    },

    openMany(key, batch) {
      if (!isSupported(key.suite)) return nodeEngine.openMany(key, batch)
      const bodies: (Buffer | undefined)[] = []
      while (bodies.length < batch.sources.length) openSome(opening, key, batch, bodies)
      return bodies
    },

    openOne: (key, body) =>
      isSupported(key.suite) ? openAlone(opening, key, body) : nodeEngine.openOne(key, body),

    deflateWith: (dictionary) => nativeDeflate(addon, dictionary),
  }
}

function isSupported({ cipher, ivBytes, tagBytes }: Suite): boolean {
  return cipher === 'aes-256-gcm' && ivBytes === 12 && tagBytes === 16
}

function seal(addon: NativeAddon, key: object, firstCounter: number, batch: SealBatch): void {
  const { plaintexts, target, aads, places } = batch
  checkAddressable(target)
  checkAddressable(aads)
  const [first] = plaintexts
  if (plaintexts.length === 1 && typeof first === 'object' && first.buffer instanceof ArrayBuffer) {
    sealAlone(addon, key, firstCounter, first, batch)
    return
  }
  try {
    for (let i = 0, at = 2; i < plaintexts.length; i++, at += SEAL_PLACES) {
      const plaintext = plaintexts[i] as Buffer | string
      const bodyAt = places[at] as number
      const bytes = (places[at + 1] as number) - bodyAt
      if (byteLength(plaintext) !== bytes) throw changed()
      if (typeof plaintext !== 'string') target.set(plaintext, bodyAt)
      else if (target.write(plaintext, bodyAt, bytes) !== bytes) throw changed()
    }
    addon.seal(key, firstCounter, target, aads, places)
  } catch (error) {
    // Plaintext must not stay in memory that other code may read later.
    target.fill(0)
    throw error
  }
}

/** Seals one record without copying its plaintext, which may be large. */
function sealAlone(
  addon: NativeAddon,
  key: object,
  counter: number,
  plaintext: Buffer,
  { target, aads, places }: SealBatch,
): void {
  const [, , bodyAt = 0, bodyEnd = 0] = places
  const bytes = byteLength(plaintext)
  if (bytes !== bodyEnd - bodyAt) throw changed()
  const layout = layoutOf(LAYOUT_PLACES)
  layout.set(places)
  layout[2] = 0
  layout[3] = bytes
  layout[6] = bodyAt
  addon.sealInto(key, counter, plaintext, target, aads, layout)
}

function changed(): EnvelopeError {
  return new EnvelopeError('INVALID_RECORD', 'a value changed while it was being sealed')
}

/** A longer one would wrap around in the layout. */
function checkAddressable(bytes: Uint8Array): void {
  if (bytes.length <= MAX_BYTES) return
  throw new EnvelopeError(
    'TOO_LARGE',
    `the native engine takes no more than ${String(MAX_BYTES)} bytes at once`,
  )
}

/** What opening uses in each call. */
interface NativeOpening {
  readonly addon: NativeAddon
  readonly keys: KeyImport<object>
  readonly memory: PlaintextMemory
}

/** Opens the next records in one call, at least one. */
function openSome(
  { addon, keys, memory }: NativeOpening,
  key: ContentKey,
  batch: OpenBatch,
  bodies: (Buffer | undefined)[],
): void {
  const { aads, places } = batch
  checkAddressable(aads)
  const from = bodies.length
  const { source, to, bytes } = joined(batch, from)
  checkAddressable(source)
  const target = to - from === 1 ? memory.forOne(key, bytes) : memory.forSeveral(bytes)
  const opened = outcomesOf(to - from)
  const layout = places.subarray(from * OPEN_PLACES, to * OPEN_PLACES)
  addon.openInto(key.importedBy(keys), source, target, aads, layout, opened)
  const { buffer, byteOffset } = target
  for (let i = 0, at = 0; i < opened.length; i++, at += OPEN_PLACES) {
    const length = (layout[at + 3] as number) - (layout[at + 2] as number)
    // Node.js creates views slowly.
    const body =
      length === bytes ? target : Buffer.from(buffer, byteOffset + (layout[at + 6] as number), length)
    bodies.push(opened[i] === 1 ? body : undefined)
  }
}

function openAlone(
  { addon, keys, memory }: NativeOpening,
  key: ContentKey,
  { source, ivAt, tagAt, bodyAt, aad }: SealedBody,
): Buffer | undefined {
  if (bodyAt > source.length) throw new RangeError('an IV or an authentication tag is cut off')
  // The addon refuses memory that another thread may change.
  const own = source.buffer instanceof ArrayBuffer ? source : Buffer.from(source)
  checkAddressable(own)
  const target = memory.forOne(key, own.length - bodyAt)
  const opened = addon.openOne(key.importedBy(keys), own, target, aad, ivAt, tagAt, bodyAt)
  return opened ? target : undefined
}

/** Memory for the next call: V8 is slow to hand a new small array to C. */
let layouts = new Uint32Array(new ArrayBuffer(4 * LAYOUT_PLACES))
let outcomes = new Uint8Array(new ArrayBuffer(1))

function layoutOf(numbers: number): Uint32Array {
  if (layouts.length !== numbers) layouts = new Uint32Array(new ArrayBuffer(4 * numbers))
  return layouts
}

function outcomesOf(records: number): Uint8Array {
  if (outcomes.length !== records) outcomes = new Uint8Array(new ArrayBuffer(records))
  // A record counts as opened only if this call says so.
  return outcomes.fill(0)
}

/** Records whose sources are in one buffer, as the addon takes them. Their places are those in it. */
interface Joined {
  readonly source: Uint8Array
  /** The first that is not among them. */
  readonly to: number
  /** Of their bodies. */
  readonly bytes: number
}

/** The records from `from` on: where they are if they are parts of one buffer, as the values of a fetch are, or large. */
function joined(batch: OpenBatch, from: number): Joined {
  const { sources } = batch
  const first = sources[from] as Buffer
  const { buffer } = first
  // The addon refuses memory that another thread may change.
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength > MAX_BYTES) return copied(batch, from)
  if (sources[from + 1]?.buffer !== buffer) {
    const isLast = from + 1 === sources.length
    if (!isLast && first.length < LARGE_BYTES) return copied(batch, from)
    return { source: first, to: from + 1, bytes: moved(batch, from, 0, 0) }
  }
  let [to, bytes] = [from, 0]
  do bytes += moved(batch, to, (sources[to++] as Buffer).byteOffset, bytes)
  while (sources[to]?.buffer === buffer && bytes + bodyBytes(batch, to) <= CALL_BYTES)
  return { source: new Uint8Array(buffer), to, bytes }
}

/** Copies small sources into one buffer, at least one: a call for each would cost more. */
function copied(batch: OpenBatch, from: number): Joined {
  const { sources } = batch
  let [to, bytes, start] = [from, 0, 0]
  do {
    bytes += moved(batch, to, start, bytes)
    start += (sources[to++] as Buffer).length
  } while ((sources[to]?.length ?? LARGE_BYTES) < LARGE_BYTES && bytes + bodyBytes(batch, to) <= CALL_BYTES)
  return { source: Buffer.concat(sources.slice(from, to)), to, bytes }
}

/** Makes the places of a record those in a buffer where its source starts at `start`. Returns how long its body is. */
function moved(batch: OpenBatch, index: number, start: number, targetAt: number): number {
  const { sources, places } = batch
  const bytes = bodyBytes(batch, index)
  if (bytes < 0) throw new RangeError('an IV or an authentication tag is cut off')
  const at = index * OPEN_PLACES
  for (let place = at; place < at + 3; place++) places[place] = (places[place] as number) + start
  places[at + 3] = start + (sources[index] as Buffer).length
  places[at + 6] = targetAt
  return bytes
}

function bodyBytes({ sources, places }: OpenBatch, index: number): number {
  return (sources[index] as Buffer).length - (places[index * OPEN_PLACES + 2] as number)
}
