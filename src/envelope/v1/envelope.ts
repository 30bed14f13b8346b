import {
  CMK_ID,
  IV_BYTES,
  MAX_CIPHERTEXT_DEK_BYTES,
  MAX_HEADER_BYTES,
  MAX_WRAPPINGS,
  PROVIDER,
  TAG_BYTES,
} from '../bounds.js'
import { Cursor, lengthAt, malformed } from '../cursor.js'
import type { Preamble, WrappedDek, Wrappings } from '../format.js'
import { blocks, lengthBytes, lengthPrefixed, text, writeLengthAt } from '../write.js'
import { decodeHeader } from './header.js'
import { PREFIX } from './prefix.js'

/*
 * envelope    = preamble iv tag body
 * preamble    = prefix wrappedDeks header   ; constant for a session and topic
 * prefix      = %xC3 %x01 fingerprint       ; Avro single-object encoding
 * wrappedDeks = count 1*5wrappedDek %x00    ; one block; no two with the same provider and cmkId
 * wrappedDek  = provider cmkId ciphertextDek
 * header      = length *OCTET               ; see header.ts
 * iv          = 12OCTET
 * tag         = 16OCTET
 * body        = length *OCTET               ; to the end of the input
 */

/** Encoded once per session and topic, and copied into each envelope. */
export function encodePreamble(wrappedDeks: readonly WrappedDek[], headerBytes: Buffer): Buffer {
  const wrappings = wrappedDeks.map(({ provider, cmkId, ciphertextDek }) =>
    Buffer.concat([text(provider), text(cmkId), lengthPrefixed(ciphertextDek)]),
  )
  return Buffer.concat([PREFIX, blocks(wrappings), lengthPrefixed(headerBytes)])
}

/** @throws EnvelopeError MALFORMED */
export function decodePreamble(value: Buffer): Preamble {
  const wrappings = decodeWrappings(value)
  return { ...wrappings, header: decodeHeader(wrappings.headerBytes) }
}

/** @throws EnvelopeError MALFORMED */
export function decodeWrappings(value: Buffer): Wrappings {
  const cursor = new Cursor(value, PREFIX.length)
  const wrappedDeks = decodeWrappedDeks(cursor)
  const headerBytes = cursor.bytes(1, MAX_HEADER_BYTES, 'the header')
  return { bytes: value.subarray(0, cursor.at), wrappedDeks, headerBytes }
}

/** @throws EnvelopeError MALFORMED */
export function preambleLength(value: Buffer): number {
  const cursor = new Cursor(value, PREFIX.length)
  const count = cursor.length(1, MAX_WRAPPINGS, 'wrappedDeks')
  for (let i = 0; i < count; i++) {
    cursor.skip(1, PROVIDER.maxBytes, 'provider')
    cursor.skip(1, CMK_ID.maxBytes, 'cmkId')
    cursor.skip(1, MAX_CIPHERTEXT_DEK_BYTES, 'ciphertextDek')
  }
  cursor.endOfBlocks('wrappedDeks')
  cursor.skip(1, MAX_HEADER_BYTES, 'the header')
  return cursor.at
}

export function envelopeBytes(preamble: Buffer, bodyBytes: number): number {
  return preamble.length + IV_BYTES + TAG_BYTES + lengthBytes(bodyBytes) + bodyBytes
}

/** Writes the preamble and the length of the body; returns where the body starts. */
export function writeFrame(target: Buffer, at: number, preamble: Buffer, bodyBytes: number): number {
  target.set(preamble, at)
  return writeLengthAt(target, at + preamble.length + IV_BYTES + TAG_BYTES, bodyBytes)
}

/** @throws EnvelopeError MALFORMED */
export function bodyStart(value: Buffer, ivAt: number): number {
  const lengthStart = ivAt + IV_BYTES + TAG_BYTES
  const length = lengthAt(value, lengthStart, 'the body')
  const at = lengthStart + lengthBytes(length)
  if (value.length - at < length) throw malformed('the input ends within the body')
  if (value.length - at > length) throw malformed('bytes follow the envelope')
  return at
}

function decodeWrappedDeks(cursor: Cursor): WrappedDek[] {
  const count = cursor.length(1, MAX_WRAPPINGS, 'wrappedDeks')
  const wrappedDeks: WrappedDek[] = []
  for (let i = 0; i < count; i++) {
    const wrapped = {
      provider: cursor.text(PROVIDER, 'provider'),
      cmkId: cursor.text(CMK_ID, 'cmkId'),
      ciphertextDek: cursor.bytes(1, MAX_CIPHERTEXT_DEK_BYTES, 'ciphertextDek'),
    }
    if (wrappedDeks.some((w) => w.provider === wrapped.provider && w.cmkId === wrapped.cmkId)) {
      throw malformed('two wrappings have the same provider and cmkId')
    }
    wrappedDeks.push(wrapped)
  }
  cursor.endOfBlocks('wrappedDeks')
  return wrappedDeks
}
