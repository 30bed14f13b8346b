import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto'
import * as zlib from 'node:zlib'
import { oracle, PREFIX, type OracleEnvelope, type OracleHeader } from './oracle.js'

/*
 * Sealing and opening a second time, from format.md and for one DEK: slow, on the stock Avro library, and without a
 * line of the library. The opener must give the same answer.
 */

/** A record around a value: its key, and its headers in record order. */
export interface ReferenceRecord {
  readonly key: Buffer | null
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[]
}

/** The configuration of a reader. */
export interface ReferenceRule {
  readonly topic: string
  readonly keyBound: boolean
  readonly headers: readonly string[]
  readonly context: Readonly<Record<string, string>>
  /** In order of preference. */
  readonly cmks: readonly { readonly provider: string; readonly cmkId: string }[]
  readonly maxDecompressedBytes: number
  readonly dictionaries: readonly Buffer[]
}

/** A plaintext, or codes any one of which is correct. */
export type ReferenceResult = Buffer | readonly string[]

/** The content key and commitment of a session under a DEK. */
export function session(dek: Buffer, sessionId: Buffer): { key: Buffer; commitment: Buffer } {
  const derive = (use: string): Buffer =>
    Buffer.from(hkdfSync('sha256', dek, sessionId, `kafka-envelope/v1/${use}/1`, 32))
  return { key: derive('content'), commitment: derive('commit') }
}

/** Section 9. The header may be anything, as long as it says which names are bound. */
export function referenceAad(
  headerBytes: Buffer,
  { keyBound, boundHeaders }: Pick<OracleHeader, 'keyBound' | 'boundHeaders'>,
  { key, headers }: ReferenceRecord,
): Buffer {
  const u32 = (n: number): Buffer => Buffer.of(n >>> 24, n >>> 16, n >>> 8, n)
  const counted = (bytes: Buffer | null): Buffer =>
    bytes === null ? u32(0xffffffff) : Buffer.concat([u32(bytes.length), bytes])
  const keyPart = !keyBound
    ? Buffer.of(0)
    : key === null
      ? Buffer.of(1)
      : Buffer.concat([Buffer.of(2), counted(key)])
  const headerParts = boundHeaders.flatMap((bound) => {
    const values = headers.filter(([name]) => name === bound).map(([, value]) => counted(value))
    return [u32(values.length), ...values]
  })
  return Buffer.concat([PREFIX, counted(headerBytes), keyPart, ...headerParts])
}

export function referenceSeal(
  key: Buffer,
  iv: Buffer,
  aad: Buffer,
  data: Buffer,
): { tag: Buffer; body: Buffer } {
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  cipher.setAAD(aad)
  const body = Buffer.concat([cipher.update(data), cipher.final()])
  return { tag: cipher.getAuthTag(), body }
}

/** The data that was sealed; undefined if it does not authenticate. */
export function referenceUnseal(
  key: Buffer,
  aad: Buffer,
  { iv, tag, body }: Pick<OracleEnvelope, 'iv' | 'tag' | 'body'>,
): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, iv)
  decipher.setAAD(aad)
  decipher.setAuthTag(tag)
  const data = decipher.update(body)
  try {
    decipher.final()
    return data
  } catch {
    return undefined
  }
}

/**
 * Section 13, given the DEK of each ciphertext DEK (undefined if it does not unwrap). For rules of two CMKs at most: it
 * does not count failed attempts.
 */
export function referenceOpen(
  value: Buffer,
  record: ReferenceRecord,
  rule: ReferenceRule,
  unwrap: (ciphertextDek: Buffer) => Buffer | undefined,
): ReferenceResult {
  if (value[0] !== 0xc3 || value[1] !== 0x01) return ['NOT_SEALED']
  if (value.length < 10) return ['MALFORMED']
  if (!value.subarray(0, 10).equals(PREFIX)) return ['UNKNOWN_FORMAT']
  const parsed = oracle(value)
  if (parsed === undefined) return ['MALFORMED']
  const { envelope, header } = parsed
  const refused = refusal(header, rule)
  if (refused !== undefined) return [refused]

  const failures: string[] = []
  for (const cmk of rule.cmks) {
    const wrapped = envelope.wrappedDeks.find((w) => w.provider === cmk.provider && w.cmkId === cmk.cmkId)
    if (wrapped === undefined) continue
    const dek = unwrap(wrapped.ciphertextDek)
    if (dek === undefined) {
      failures.push('UNWRAP_FAILED')
      continue
    }
    const { key, commitment } = session(dek, header.sessionId)
    if (!commitment.equals(header.commitment)) {
      failures.push('COMMITMENT_MISMATCH')
      continue
    }
    const data = referenceUnseal(key, referenceAad(envelope.header, header, record), envelope)
    if (data === undefined) return ['AUTHENTICATION_FAILED']
    return referenceDecompress(
      header.compression,
      data,
      rule.maxDecompressedBytes,
      named(header.dictionary, rule.dictionaries),
    )
  }
  return [failures[0] ?? 'NO_CANDIDATE']
}

function refusal(
  { suite, compression, dictionary, topic, keyBound, boundHeaders, context }: OracleHeader,
  rule: ReferenceRule,
) {
  if (suite !== 1) return 'UNKNOWN_SUITE'
  if (compression < 0 || compression > 3 || (compression === 2 && !zstd)) return 'UNKNOWN_COMPRESSION'
  if (compression === 3 && named(dictionary, rule.dictionaries) === undefined) return 'DICTIONARY_UNKNOWN'
  if (topic !== rule.topic) return 'WRONG_TOPIC'
  const met =
    (keyBound || !rule.keyBound) &&
    rule.headers.every((name) => boundHeaders.includes(name)) &&
    Object.entries(rule.context).every(([k, v]) => context.some(({ key, value }) => key === k && value === v))
  return met ? undefined : 'REQUIREMENT_UNMET'
}

/** The dictionary that has this SHA-256. */
function named(sha256: Buffer, dictionaries: readonly Buffer[]): Buffer | undefined {
  return dictionaries.find((dictionary) => createHash('sha256').update(dictionary).digest().equals(sha256))
}

type Decode = (data: Buffer, options: object) => { buffer: Buffer; engine: { bytesWritten: number } }
const zstd = 'zstdDecompressSync' in zlib ? (zlib as unknown as { zstdDecompressSync: Decode }) : undefined
/** Over every cap that tests set; what is larger counts as endless. */
const MUCH = 1 << 26

/** Section 11, by Node's own decoders. */
export function referenceDecompress(
  compression: number,
  data: Buffer,
  maxBytes: number,
  dictionary?: Buffer,
): ReferenceResult {
  if (compression === 0) return data
  const whole = compression === 3 ? inflateAfter(dictionary, data) : inflate(compression, data, MUCH)
  if (whole === 'too large') return ['TOO_LARGE', 'DECOMPRESSION_FAILED']
  if (whole === undefined || !isOne(compression, data))
    // If a fault is after the cap, either code is correct.
    return whole !== undefined && whole.length <= maxBytes
      ? ['DECOMPRESSION_FAILED']
      : ['DECOMPRESSION_FAILED', 'TOO_LARGE']
  return whole.length > maxBytes ? ['TOO_LARGE'] : whole
}

/** The result of the decoders, which accept several members, and zeros after the last. */
function inflate(compression: number, data: Buffer, maxBytes: number): Buffer | 'too large' | undefined {
  const decode: Decode | undefined =
    compression === 1 ? (zlib.gunzipSync as unknown as Decode) : zstd?.zstdDecompressSync
  if (decode === undefined) return undefined
  try {
    const { buffer, engine } = decode(data, { maxOutputLength: maxBytes, info: true })
    return engine.bytesWritten === data.length ? buffer : undefined
  } catch (error) {
    return (error as { code: string }).code === 'ERR_BUFFER_TOO_LARGE' ? 'too large' : undefined
  }
}

/**
 * The result of deflate with a dictionary, by another way than the library's: the data follows the dictionary in a
 * stored block, as it would in one stream without a dictionary.
 */
function inflateAfter(dictionary: Buffer | undefined, data: Buffer): Buffer | 'too large' | undefined {
  if (dictionary === undefined) return undefined
  const head = Buffer.of(0, 0, 0, 0, 0)
  head.writeUInt16LE(dictionary.length, 1)
  head.writeUInt16LE(dictionary.length ^ 0xffff, 3)
  const stream = Buffer.concat([head, dictionary, data])
  try {
    const { buffer, engine } = (zlib.inflateRawSync as unknown as Decode)(stream, {
      maxOutputLength: MUCH,
      info: true,
    })
    return engine.bytesWritten === stream.length ? buffer.subarray(dictionary.length) : undefined
  } catch (error) {
    return (error as { code: string }).code === 'ERR_BUFFER_TOO_LARGE' ? 'too large' : undefined
  }
}

/** Whether decodable data is one member or frame: no part of it is one if another, or a skippable frame, follows. */
function isOne(compression: number, data: Buffer): boolean {
  // A deflate stream has an end of its own.
  if (compression === 3) return true
  const starts =
    compression === 1 ? ['1f8b'] : ['28b52ffd', ...'0123456789abcdef'.split('').map((n) => `5${n}2a4d18`)]
  for (const start of starts.map((hex) => Buffer.from(hex, 'hex')))
    for (let at = data.indexOf(start, 1); at > 0; at = data.indexOf(start, at + 1))
      if (inflate(compression, data.subarray(0, at), MUCH) !== undefined) return false
  return compression === 1 || data.subarray(0, 4).toString('hex') === starts[0]
}
