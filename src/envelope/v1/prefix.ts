/** CRC-64-AVRO of the parsing canonical form of `schemas/envelope.v1.avsc`, little-endian. Released: it never changes. */
const FINGERPRINT = '0fea18fa6fe363e8'

/** The start of every envelope: the marker of Avro's single-object encoding, then the fingerprint. */
export const PREFIX: Buffer = Buffer.from(`c301${FINGERPRINT}`, 'hex')
