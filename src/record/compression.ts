import * as zlib from 'node:zlib'
import { HAS_ZSTD } from '../config/has-zstd.js'
import type { Bytes } from '../envelope/bytes.js'
import { EnvelopeError } from '../errors.js'
import { gzipBody } from './gzip.js'
import { zstdFrameLength } from './zstd.js'

/** One registered compression of the plaintext. */
export interface Compression {
  readonly number: number
  readonly name: 'none' | 'gzip' | 'zstd'
  readonly compress: (plaintext: Bytes) => Bytes
  /**
   * @throws EnvelopeError DECOMPRESSION_FAILED if the bytes are not exactly one member or frame; TOO_LARGE if the
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

const rows: readonly Compression[] = [
  { number: 0, name: 'none', compress: (plaintext) => plaintext, decompress: (body) => body },
  {
    number: 1,
    name: 'gzip',
    compress: (plaintext) => zlib.gzipSync(plaintext),
    decompress: (body, maxBytes) => decompressed(maxBytes, () => gunzipOne(body, maxBytes)),
  },
  ...(zstd
    ? [
        {
          number: 2,
          name: 'zstd' as const,
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

/** The compression with this number, or undefined if it is not registered or this runtime lacks it. */
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
  const { buffer: plaintext, engine } = zlib.inflateRawSync(deflated, {
    maxOutputLength: outputLimit(maxBytes),
    info: true,
  }) as unknown as { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }
  const trailer = deflated.subarray(engine.bytesWritten)
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
    throw (error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE'
      ? tooLarge()
      : failed('it does not decompress')
  }
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
