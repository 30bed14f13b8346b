/**
 * What of the released schemas (`schemas/*.avsc`) stands on the wire. A literal: what is released never changes, a
 * change is a new schema beside the old.
 */

/** CRC-64-AVRO of the envelope's parsing canonical form, little-endian, as on the wire. */
export const ENVELOPE_FINGERPRINT = '0fea18fa6fe363e8'

/** Avro single-object encoding: the marker, then the fingerprint. */
export const PREFIX: Buffer = Buffer.from(`c301${ENVELOPE_FINGERPRINT}`, 'hex')
