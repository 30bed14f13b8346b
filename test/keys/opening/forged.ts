import { randomBytes } from 'node:crypto'
import { decodePreamble, DEFAULT_FORMAT } from '../../../src/envelope/formats.js'

/** The record with a commitment to another DEK, as anyone with write access can make it. */
export function forged(value: Buffer): Buffer {
  const { wrappedDeks, header, bytes } = decodePreamble(value)
  const forgedHeader = DEFAULT_FORMAT.encodeHeader({ ...header, commitment: randomBytes(32) })
  return Buffer.concat([
    DEFAULT_FORMAT.encodePreamble(wrappedDeks, forgedHeader),
    value.subarray(bytes.length),
  ])
}
