import { EnvelopeError } from '../errors.js'
import { malformed } from './cursor.js'
import type { Format, Preamble } from './format.js'
import { v1 } from './v1/v1.js'

const FORMATS: readonly Format[] = [v1]

/** The format that is written. */
export const DEFAULT_FORMAT: Format = v1

/** The start of every prefix: the marker of Avro's single-object encoding. */
const MARKER = [0xc3, 0x01] as const
const FINGERPRINT_BYTES = 8
const PREFIX_BYTES: number = MARKER.length + FINGERPRINT_BYTES

/**
 * The format of an envelope.
 * @throws EnvelopeError NOT_SEALED, UNKNOWN_FORMAT, or MALFORMED if the prefix is cut short
 */
export function formatOf(value: Buffer, formats: readonly Format[] = FORMATS): Format {
  if (!hasMarker(value)) throw new EnvelopeError('NOT_SEALED', 'the value is not an envelope')
  if (value.length < PREFIX_BYTES) throw malformed('the value ends within the prefix')
  const format = formats.find(({ prefix }) => startsWith(value, prefix))
  if (format === undefined) {
    throw new EnvelopeError('UNKNOWN_FORMAT', `unknown schema fingerprint ${fingerprintOf(value)}`)
  }
  return format
}

/** Whether a value claims to be an envelope of a released version. */
export function hasEnvelopePrefix(value: Uint8Array, formats: readonly Format[] = FORMATS): boolean {
  return hasMarker(value) && formats.some(({ prefix }) => startsWith(value, prefix))
}

/** The fingerprint of the schema that a value with the marker names, in hexadecimal. */
export function fingerprintOf(value: Buffer): string {
  return value.toString('hex', MARKER.length, PREFIX_BYTES)
}

/**
 * The preamble of an envelope of any known format.
 * @throws EnvelopeError NOT_SEALED, UNKNOWN_FORMAT or MALFORMED
 */
export function decodePreamble(value: Buffer): Preamble {
  return formatOf(value).decodePreamble(value)
}

/**
 * Checks that a value has the structure of a whole envelope: a prefix before plaintext is not enough.
 * @throws EnvelopeError NOT_SEALED, UNKNOWN_FORMAT or MALFORMED
 */
export function checkEnvelope(value: Buffer): void {
  const format = formatOf(value)
  format.bodyStart(value, format.decodePreamble(value).bytes.length)
}

function hasMarker(value: Uint8Array): boolean {
  return value[0] === MARKER[0] && value[1] === MARKER[1]
}

function startsWith(value: Uint8Array, prefix: Buffer): boolean {
  return prefix.equals(value.subarray(0, prefix.length))
}
