import { ok } from 'node:assert'
import { nodeDeflate } from '../../../src/crypto/deflate.js'
import { isEnvelopeError } from '../../../src/errors.js'
import { compressionOf, deflateWith, type Compression } from '../../../src/record/compression.js'
import { gzipBody } from '../../../src/record/gzip.js'
import { zstdFrameLength } from '../../../src/record/zstd.js'
import { referenceDecompress, type ReferenceResult } from '../../property/reference.js'

/*
 * input = %x00-07 *OCTET                ; data, as a sealer would have sealed it
 *       / %x08-0F at xor *OCTET         ; plaintext, to be compressed, of which one byte is then changed
 *       / %x10-1F length *OCTET         ; a dictionary of that length plus 1 before either, under deflate
 *       / %x30-3F length *OCTET         ; the same, repeated up to 32,768 bytes less that length: a whole window
 */
const ZSTD = 1
const SMALL_CAP = 2
const PLAINTEXT = 8
const DICTIONARY = 16
const LARGE = 32
const WINDOW = 32_768

/** Data is accepted if and only if it is one member, frame or stream for Node's own decoders, with the same result. */
export function fuzz(input: Buffer): void {
  const flags = input[0] ?? 0
  const dictionaryBytes = flags & DICTIONARY ? (input[1] ?? 0) + 1 : 0
  const given = input.subarray(2, 2 + dictionaryBytes)
  const isLarge = (flags & LARGE) !== 0 && given.length > 0
  const dictionary = isLarge ? Buffer.alloc(WINDOW - dictionaryBytes + 1, given) : given
  const data = input.subarray(flags & DICTIONARY ? 2 + dictionaryBytes : 1)
  checkFrame(data)
  if (flags & DICTIONARY && dictionary.length === 0) return
  const row =
    flags & DICTIONARY
      ? deflateWith(nodeDeflate(dictionary), dictionary)
      : compressionOf(flags & ZSTD ? 2 : 1)
  // Before Node.js 22.15 there is no zstd; the length of a frame needs none.
  if (row === undefined) return
  const maxBytes = flags & SMALL_CAP ? 100 : 1 << 16
  if (!(flags & PLAINTEXT)) {
    check(row, data, maxBytes, dictionary)
    return
  }
  const plaintext = data.subarray(2)
  const compressed = Buffer.from(row.compress(plaintext) as Buffer)
  const opened = check(row, compressed, maxBytes, dictionary)
  if (plaintext.length <= maxBytes)
    ok(Buffer.isBuffer(opened) && opened.equals(plaintext), 'it does not come back')
  const at = (data[0] ?? 0) % compressed.length
  compressed.writeUInt8(compressed.readUInt8(at) ^ (data[1] ?? 1), at)
  check(row, compressed, maxBytes, dictionary)
}

function check(row: Compression, data: Buffer, maxBytes: number, dictionary: Buffer): ReferenceResult {
  const expected = referenceDecompress(row.number, data, maxBytes, dictionary)
  let plaintext: Buffer
  try {
    plaintext = row.decompress(data, maxBytes)
  } catch (error) {
    if (!isEnvelopeError(error)) throw error
    ok(!Buffer.isBuffer(expected), `${error.code}, and it should decompress`)
    ok(expected.includes(error.code), `${error.code} instead of ${expected.join(' or ')}`)
    return expected
  }
  ok(Buffer.isBuffer(expected), 'it decompresses, and should not')
  ok(expected.equals(plaintext), 'it decompresses to something else')
  ok(plaintext.length <= maxBytes, 'the result is over the cap')
  return plaintext
}

/** The functions that find the ends of header and frame stay within the data, and do not depend on bytes after them. */
function checkFrame(data: Buffer): void {
  const body = gzipBody(data)
  ok(body === undefined || body.length <= data.length)
  const length = zstdFrameLength(data)
  if (length === undefined) return
  ok(length > 0 && length <= data.length, 'a frame is longer than its data')
  ok(zstdFrameLength(data.subarray(0, length)) === length, 'the length of a frame hangs on what follows')
  ok(zstdFrameLength(data.subarray(0, length - 1)) === undefined, 'a frame that was cut has a length')
}
