import { byteLength } from '../envelope/bytes.js'
import { EnvelopeError } from '../errors.js'
import type { ContentKey, KeyImport } from './content-key.js'
import {
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

const OPEN_PLACES = 5
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
  { sources, aads, places }: OpenBatch,
  bodies: (Buffer | undefined)[],
): void {
  const from = bodies.length
  const { source, starts, end } = joined(sources, from)
  checkAddressable(source)
  checkAddressable(aads)
  let to = from
  let bytes = 0
  for (; to < end; to++) {
    const body = (sources[to] as Buffer).length - (places[to * OPEN_PLACES + 2] as number)
    if (body < 0) throw new RangeError('an IV or an authentication tag is cut off')
    if (to > from && bytes + body > CALL_BYTES) break
    bytes += body
  }
  const target = to - from === 1 ? memory.forOne(key, bytes) : memory.forSeveral(bytes)
  const layout = layoutOf((to - from) * LAYOUT_PLACES)
  const opened = outcomesOf(to - from)
  let targetAt = 0
  for (let i = from, at = 0; i < to; i++, at += LAYOUT_PLACES) {
    const place = i * OPEN_PLACES
    const start = starts[i - from] as number
    const bodyAt = places[place + 2] as number
    layout[at] = start + (places[place] as number)
    layout[at + 1] = start + (places[place + 1] as number)
    layout[at + 2] = start + bodyAt
    layout[at + 3] = start + (sources[i] as Buffer).length
    layout[at + 4] = places[place + 3] as number
    layout[at + 5] = places[place + 4] as number
    layout[at + 6] = targetAt
    targetAt += (sources[i] as Buffer).length - bodyAt
  }
  addon.openInto(key.importedBy(keys), source, target, aads, layout, opened)
  for (let i = from, at = 0; i < to; i++, at += LAYOUT_PLACES) {
    const start = layout[at + 6] as number
    const length = (layout[at + 3] as number) - (layout[at + 2] as number)
    bodies.push(opened[i - from] === 1 ? partOf(target, start, length) : undefined)
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

/** A view, but the buffer itself if the view would be all of it: Node.js creates views slowly. */
function partOf(bytes: Buffer, start: number, length: number): Buffer {
  return length === bytes.length ? bytes : bytes.subarray(start, start + length)
}

/** Memory for the next call: `eachMessage` makes one for each record, and V8 is slow to hand a new small array to C. */
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

/** Sources in one buffer, as the addon takes them. */
interface Joined {
  readonly source: Uint8Array
  /** Where each starts. */
  readonly starts: readonly number[]
  /** The first that is not among them. */
  readonly end: number
}

/** The sources from `from` on: as they are if they are parts of one buffer, as the values of a fetch are, or large. */
function joined(sources: readonly Buffer[], from: number): Joined {
  const first = sources[from] as Buffer
  const { buffer } = first
  // The addon refuses memory that another thread may change.
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength > MAX_BYTES) return copied(sources, from)
  if (sources[from + 1]?.buffer !== buffer) {
    const isLast = from + 1 === sources.length
    return isLast || first.length >= LARGE_BYTES
      ? { source: first, starts: [0], end: from + 1 }
      : copied(sources, from)
  }
  const starts: number[] = []
  let end = from
  for (let bytes = 0; bytes < CALL_BYTES && sources[end]?.buffer === buffer; end++) {
    starts.push((sources[end] as Buffer).byteOffset)
    bytes += (sources[end] as Buffer).length
  }
  return { source: new Uint8Array(buffer), starts, end }
}

/** Copies small sources into one buffer, at least one: a call for each would cost more. */
function copied(sources: readonly Buffer[], from: number): Joined {
  const starts: number[] = []
  let end = from
  let bytes = 0
  do {
    starts.push(bytes)
    bytes += (sources[end++] as Buffer).length
  } while (bytes < CALL_BYTES && (sources[end]?.length ?? LARGE_BYTES) < LARGE_BYTES)
  return { source: Buffer.concat(sources.slice(from, end)), starts, end }
}
