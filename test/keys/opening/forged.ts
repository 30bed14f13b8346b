import { randomBytes } from 'node:crypto'
import { decodeHead, encodeHead } from '../../../src/envelope/envelope.js'
import { encodeHeader } from '../../../src/envelope/header.js'

/** The record with a commitment to another DEK: what anybody with write access can make of it. */
export function forged(value: Buffer): Buffer {
  const { wrappedDeks, header, bytes } = decodeHead(value)
  const forgedHeader = encodeHeader({ ...header, commitment: randomBytes(32) })
  return Buffer.concat([encodeHead(wrappedDeks, forgedHeader), value.subarray(bytes.length)])
}
