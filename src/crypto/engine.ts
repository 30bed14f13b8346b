import { createCipheriv, createDecipheriv } from 'node:crypto'
import { EnvelopeError } from '../errors.js'
import type { EngineName } from '../events.js'
import type { ContentKey } from './content-key.js'
import { nodeDeflate, type Deflate } from './deflate.js'

/** Bodies to seal under one key, side by side in one buffer that has room for them. */
export interface SealBatch {
  readonly plaintexts: readonly (Buffer | string)[]
  /** Receives the IV, tag and body of each record. */
  readonly target: Buffer
  /** The bytes that are authenticated with the bodies. Records may share them. */
  readonly aads: Buffer
  /** Six offsets for each record: `ivAt`, `tagAt`, `bodyAt`, `bodyEnd` in `target`; `aadAt`, `aadEnd` in `aads`. */
  readonly places: Uint32Array
}

/** Bodies to open under one key. */
export interface OpenBatch {
  /** One buffer for each record. Its body reaches to the end. */
  readonly sources: readonly Buffer[]
  readonly aads: Buffer
  /**
   * Seven numbers for each record, and maybe more behind them: `ivAt`, `tagAt`, `bodyAt` in its source; one for the
   * engine; `aadAt`, `aadEnd` in `aads`; one more for the engine. The engine may change all of them.
   */
  readonly places: Uint32Array
}

/** A body to open. */
export interface SealedBody {
  /** The body reaches to its end. */
  readonly source: Buffer
  readonly ivAt: number
  readonly tagAt: number
  readonly bodyAt: number
  readonly aad: Uint8Array
}

/**
 * Seals and opens bodies, synchronously. Another implementation gives the same bytes. Streams of DEFLATE may differ, but
 * each implementation reads those of the others.
 */
export interface Engine {
  readonly name: EngineName
  /** The most records that it opens in one turn of the event loop, which is some 10 ms of work or less. */
  readonly opensInTurn: number
  /**
   * Seals each body. IVs are the counter values from `firstCounter` on: zeros, then 64 bits big-endian (deterministic
   * construction, NIST SP 800-38D, 8.2.1). The caller owns the counter and has reserved one value for each plaintext.
   *
   * @throws EnvelopeError INVALID_RECORD if a body does not fill its place: unwritten memory must not be sent
   */
  sealMany(key: ContentKey, firstCounter: number, batch: SealBatch): void
  /**
   * The plaintext of each record, or undefined if authentication fails. Small plaintexts that the same key opens may share
   * memory, which nothing else uses.
   */
  openMany(key: ContentKey, batch: OpenBatch): (Buffer | undefined)[]
  /** The same for a body alone, as in `eachMessage`, without the bookkeeping of a batch. */
  openOne(key: ContentKey, body: SealedBody): Buffer | undefined
  /** @param dictionary 1 to 32,768 bytes that never change */
  deflateWith(dictionary: Buffer): Deflate
}

export const SEAL_PLACES = 6
export const OPEN_PLACES = 7

/** The engine on `node:crypto`. */
export const nodeEngine: Engine = {
  name: 'node',
  opensInTurn: 2000,

  sealMany(key, firstCounter, { plaintexts, target, aads, places }) {
    const { cipher: name, ivBytes, tagBytes } = key.suite
    const keyObject = key.keyObject()
    const options = { authTagLength: tagBytes }
    const iv = Buffer.allocUnsafe(ivBytes).fill(0)
    const { buffer: memory, byteOffset } = aads
    for (let i = 0, at = 0; i < plaintexts.length; i++, at += SEAL_PLACES) {
      writeCounter(iv, firstCounter + i)
      const cipher = createCipheriv(name, keyObject, iv, options)
      const aadAt = places[at + 4] as number
      // Node creates a Buffer more slowly.
      cipher.setAAD(new Uint8Array(memory, byteOffset + aadAt, (places[at + 5] as number) - aadAt))
      // Node ignores the encoding if the plaintext is bytes.
      const body = cipher.update(plaintexts[i] as string, 'utf8')
      const bodyAt = places[at + 2] as number
      if (body.length !== (places[at + 3] as number) - bodyAt)
        throw new EnvelopeError('INVALID_RECORD', 'a value changed while it was being sealed')
      cipher.final()
      copyShort(iv, target, places[at] as number)
      copyShort(cipher.getAuthTag(), target, places[at + 1] as number)
      target.set(body, bodyAt)
    }
  },

  openMany(key, { sources, aads, places }) {
    const open = openerOf(key)
    const bodies: (Buffer | undefined)[] = []
    const { buffer: memory, byteOffset } = aads
    for (let i = 0, at = 0; i < sources.length; i++, at += OPEN_PLACES) {
      const source = sources[i] as Buffer
      const ivAt = places[at] as number
      const tagAt = places[at + 1] as number
      const bodyAt = places[at + 2] as number
      const aadAt = places[at + 4] as number
      const aad = new Uint8Array(memory, byteOffset + aadAt, (places[at + 5] as number) - aadAt)
      bodies.push(open({ source, ivAt, tagAt, bodyAt, aad }))
    }
    return bodies
  },

  openOne: (key, body) => openerOf(key)(body),

  deflateWith: nodeDeflate,
}

/** IV and tag of the body that is being opened. `eachMessage` opens one after another, and Node copies both. */
let ivOpened = Buffer.alloc(0)
let tagOpened = Buffer.alloc(0)

/** Opens bodies under one key. */
function openerOf(key: ContentKey): (body: SealedBody) => Buffer | undefined {
  const { cipher, ivBytes, tagBytes } = key.suite
  const keyObject = key.keyObject()
  const options = { authTagLength: tagBytes }
  if (ivOpened.length !== ivBytes) ivOpened = Buffer.alloc(ivBytes)
  if (tagOpened.length !== tagBytes) tagOpened = Buffer.alloc(tagBytes)
  const [iv, tag] = [ivOpened, tagOpened]
  return ({ source, ivAt, tagAt, bodyAt, aad }) => {
    copyTo(iv, source, ivAt)
    copyTo(tag, source, tagAt)
    const decipher = createDecipheriv(cipher, keyObject, iv, options)
    decipher.setAAD(aad)
    decipher.setAuthTag(tag)
    // Node creates a Buffer more slowly.
    const body = new Uint8Array(source.buffer, source.byteOffset + bodyAt, source.length - bodyAt)
    const plaintext = decipher.update(body)
    try {
      decipher.final()
      return plaintext
    } catch {
      // Unauthenticated plaintext must not stay in memory that other code may read later.
      plaintext.fill(0)
      return undefined
    }
  }
}

/** Fills a short target byte by byte: faster than a view and `set`. @throws RangeError if the source ends before */
function copyTo(target: Buffer, source: Buffer, from: number): void {
  if (from + target.length > source.length) throw new RangeError('an IV or an authentication tag is cut off')
  for (let i = 0; i < target.length; i++) target[i] = source[from + i] as number
}

/** The same, into a target that has room. */
function copyShort(source: Buffer, target: Buffer, to: number): void {
  for (let i = 0; i < source.length; i++) target[to + i] = source[i] as number
}

const COUNTER_BYTES = 8

/** Writes the last 64 bits of an IV; those before them stay zero. */
function writeCounter(iv: Buffer, counter: number): void {
  const at = iv.length - COUNTER_BYTES
  iv.writeUInt32BE(Math.floor(counter / 2 ** 32), at)
  iv.writeUInt32BE(counter % 2 ** 32, at + 4)
}
