import * as zlib from 'node:zlib'
import { HAS_ZSTD } from '../config/has-zstd.js'
import { inflateRaw, type Deflate } from '../crypto/deflate.js'
import type { Bytes } from '../envelope/bytes.js'
import { EnvelopeError } from '../errors.js'
import { gzipBody } from './gzip.js'
import { zstdFrameLength } from './zstd.js'

/** One registered compression of the plaintext. */
export interface Compression {
  readonly number: number
  readonly name: 'none' | 'gzip' | 'zstd' | 'deflate-dictionary'
  /** The SHA-256 of its dictionary; empty if it has none. */
  readonly dictionary: Buffer
  readonly compress: (plaintext: Bytes) => Bytes
  /**
   * @throws EnvelopeError DECOMPRESSION_FAILED if the bytes are not exactly one member, frame or stream; TOO_LARGE if the
   * result is over `maxBytes`
   */
  readonly decompress: (body: Buffer, maxBytes: number) => Buffer
}

/** The functions of `node:zlib` that zstd needs, which Node.js has from 22.15 on. */
interface ZstdZlib {
  zstdCompressSync(data: Bytes): Buffer
  zstdDecompressSync(data: Buffer, options: { maxOutputLength: number }): Buffer
}

const zstd = HAS_ZSTD ? (zlib as unknown as ZstdZlib) : undefined
const NO_DICTIONARY = Buffer.alloc(0)

const rows: readonly Compression[] = [
  {
    number: 0,
    name: 'none',
    dictionary: NO_DICTIONARY,
    compress: (plaintext) => plaintext,
    decompress: (body) => body,
  },
  {
    number: 1,
    name: 'gzip',
    dictionary: NO_DICTIONARY,
    compress: (plaintext) => zlib.gzipSync(plaintext),
    decompress: (body, maxBytes) => decompressed(maxBytes, () => gunzipOne(body, maxBytes)),
  },
  ...(zstd
    ? [
        {
          number: 2,
          name: 'zstd' as const,
          dictionary: NO_DICTIONARY,
          compress: (plaintext: Bytes) => zstd.zstdCompressSync(plaintext),
          decompress: (body: Buffer, maxBytes: number) =>
            decompressed(maxBytes, () => {
              if (zstdFrameLength(body) !== body.length) throw failed('it is not exactly one zstd frame')
              return zstd.zstdDecompressSync(body, { maxOutputLength: outputLimit(maxBytes) })
            }),
        },
      ]
    : []),
]

/** The number of deflate with a preset dictionary, whose rows are made by `deflateWith`. */
export const DEFLATE_DICTIONARY = 3

/** Deflate with a preset dictionary. @param name the SHA-256 of the dictionary */
export function deflateWith(deflate: Deflate, name: Buffer): Compression {
  return {
    number: DEFLATE_DICTIONARY,
    name: 'deflate-dictionary',
    dictionary: name,
    compress: (plaintext) => deflate.compress(plaintext),
    decompress: (body, maxBytes) =>
      decompressed(maxBytes, () => {
        const { plaintext, end } = deflate.decompress(body, maxBytes)
        if (end !== body.length) throw failed('it is not exactly one deflate stream')
        return plaintext
      }),
  }
}

/** The compression without a dictionary that has this number; undefined if none has, or this runtime lacks it. */
export function compressionOf(number: number): Compression | undefined {
  return rows.find((row) => row.number === number)
}

/** A compression that the check of the configuration has accepted. */
export function compressionNamed(name: Compression['name']): Compression {
  const row = rows.find((row) => row.name === name)
  if (row === undefined)
    throw new EnvelopeError('UNKNOWN_COMPRESSION', `this version of Node.js does not support ${name}`)
  return row
}

/** Exactly one gzip member (RFC 1952) with nothing after it, its CRC and size verified. */
function gunzipOne(body: Buffer, maxBytes: number): Buffer {
  const deflated = gzipBody(body)
  if (deflated === undefined) throw failed('it does not start with the header of a gzip member')
  // Node's gunzip would accept a second member, and bytes after the last.
  const { plaintext, end } = inflateRaw(deflated, maxBytes)
  const trailer = deflated.subarray(end)
  if (trailer.length !== 8) throw failed('it is not exactly one gzip member')
  if (
    trailer.readUInt32LE(0) !== zlib.crc32(plaintext) ||
    trailer.readUInt32LE(4) !== plaintext.length % 2 ** 32
  ) {
    throw failed('its checksum or size is wrong')
  }
  return plaintext
}

/** Node.js does not accept a limit of 0. */
function outputLimit(maxBytes: number): number {
  return Math.max(maxBytes, 1)
}

function decompressed(maxBytes: number, run: () => Buffer): Buffer {
  try {
    const plaintext = run()
    if (plaintext.length > maxBytes) throw tooLarge()
    return compact(plaintext)
  } catch (error) {
    if (error instanceof EnvelopeError) throw error
    const { code } = error as { readonly code?: unknown }
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge()
    if (isAboutData(code)) throw failed('it does not decompress')
    // A shortage of memory, for example: it says nothing about the record.
    throw error
  }
}

/** Whether an error of `node:zlib` with this code is about the bytes that it was given. */
function isAboutData(code: unknown): boolean {
  if (typeof code !== 'string') return false
  if (code.startsWith('ZSTD_')) return code !== 'ZSTD_error_memory_allocation'
  return code === 'Z_DATA_ERROR' || code === 'Z_BUF_ERROR'
}

function tooLarge(): EnvelopeError {
  return new EnvelopeError('TOO_LARGE', 'the value is larger after decompression than this reader accepts')
}

/** zlib may return a view of a far larger buffer (16 KiB for one byte), and the view would keep all of it alive. */
function compact(plaintext: Buffer): Buffer {
  if (plaintext.length * 2 >= plaintext.buffer.byteLength) return plaintext
  const own = Buffer.allocUnsafeSlow(plaintext.length)
  plaintext.copy(own)
  return own
}

function failed(what: string): EnvelopeError {
  return new EnvelopeError('DECOMPRESSION_FAILED', `the body is authentic, but ${what}`)
}
