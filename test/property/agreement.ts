import { strictEqual } from 'node:assert'
import type { Preamble } from '../../src/envelope/format.js'
import { decodePreamble, formatOf } from '../../src/envelope/formats.js'
import { isEnvelopeError } from '../../src/errors.js'
import { ENVELOPE, HEADER_PAIRS, oracle, PREFIX } from './oracle.js'

/**
 * The decoder accepts a value if and only if the oracle does, and reads the same; whether it does.
 * @throws AssertionError if they disagree
 */
export function accepted(data: Buffer): boolean {
  const decoded = decode(data)
  const expected = oracle(data)
  strictEqual(typeof decoded === 'object', expected !== undefined, 'decoder and oracle disagree')
  if (typeof decoded === 'string' || expected === undefined) return false
  strictEqual(encoded(data, decoded).equals(data), true, 'what was read encodes to other bytes')
  strictEqual(decoded.preamble.headerBytes.equals(expected.envelope.header), true)
  return true
}

/** The content that the decoder read, written by a stock Avro library. */
function encoded(data: Buffer, { preamble, bodyAt }: Decoded): Buffer {
  const ivAt = preamble.bytes.length
  const context = preamble.header.context.map(([key, value]) => ({ key, value }))
  return Buffer.concat([
    PREFIX,
    ENVELOPE.toBuffer({
      wrappedDeks: preamble.wrappedDeks,
      header: HEADER_PAIRS.toBuffer({ ...preamble.header, context }),
      iv: data.subarray(ivAt, ivAt + 12),
      tag: data.subarray(ivAt + 12, ivAt + 28),
      body: data.subarray(bodyAt),
    }),
  ])
}

interface Decoded {
  readonly preamble: Preamble
  readonly bodyAt: number
}

function decode(data: Buffer): Decoded | string {
  const length = attempt(() => formatOf(data).preambleLength(data))
  const preamble = attempt(() => decodePreamble(data))
  if (typeof preamble === 'string') return preamble
  // The quick walk and the parser agree on where a preamble ends.
  strictEqual(length, preamble.bytes.length)
  const bodyAt = attempt(() => formatOf(data).bodyStart(data, preamble.bytes.length))
  return typeof bodyAt === 'string' ? bodyAt : { preamble, bodyAt }
}

const CODES = ['NOT_SEALED', 'UNKNOWN_FORMAT', 'MALFORMED']

function attempt<T>(run: () => T): T | string {
  try {
    return run()
  } catch (error) {
    if (isEnvelopeError(error) && CODES.includes(error.code)) return error.code
    throw error
  }
}
