import { EnvelopeError } from '../errors.js'
import {
  CMK_ID,
  IV_BYTES,
  MAX_CIPHERTEXT_DEK_BYTES,
  MAX_HEADER_BYTES,
  MAX_WRAPPINGS,
  PROVIDER,
  TAG_BYTES,
} from './bounds.js'
import { Cursor, malformed } from './cursor.js'
import { decodeHeader, type Header } from './header.js'
import { PREFIX } from './schema.js'
import { blocks, lengthPrefixed, text } from './write.js'

/*
 * envelope    = head iv tag body
 * head        = prefix wrappedDeks header   ; constant for a session and topic
 * prefix      = %xC3 %x01 fingerprint       ; Avro single-object encoding
 * wrappedDeks = count 1*5wrappedDek %x00    ; one block; no two with the same provider and cmkId
 * wrappedDek  = provider cmkId ciphertextDek
 * header      = length *OCTET               ; see header.ts
 * iv          = 12OCTET
 * tag         = 16OCTET
 * body        = length *OCTET               ; to the end of the input
 */

/** One wrapping of the DEK. */
export interface WrappedDek {
  readonly provider: string
  readonly cmkId: string
  readonly ciphertextDek: Buffer
}

/** All of an envelope before its IV, parsed, and the bytes it was parsed from. */
export interface Head {
  readonly bytes: Buffer
  readonly wrappedDeks: readonly WrappedDek[]
  readonly header: Header
  /** The header as it stands on the wire: what is authenticated. */
  readonly headerBytes: Buffer
}

/** Writes the head: encoded once per session and topic, copied into each envelope. */
export function encodeHead(wrappedDeks: readonly WrappedDek[], headerBytes: Buffer): Buffer {
  const wrappings = wrappedDeks.map(({ provider, cmkId, ciphertextDek }) =>
    Buffer.concat([text(provider), text(cmkId), lengthPrefixed(ciphertextDek)]),
  )
  return Buffer.concat([PREFIX, blocks(wrappings), lengthPrefixed(headerBytes)])
}

/**
 * Parses the head at the start of `bytes`. What is returned views them; what follows is `bodyStart`'s.
 * @throws EnvelopeError NOT_SEALED, UNKNOWN_FORMAT or MALFORMED.
 */
export function decodeHead(bytes: Buffer): Head {
  checkPrefix(bytes)
  const cursor = new Cursor(bytes, PREFIX.length)
  const wrappedDeks = decodeWrappedDeks(cursor)
  const headerBytes = cursor.bytes(1, MAX_HEADER_BYTES, 'the header')
  return { bytes: bytes.subarray(0, cursor.at), wrappedDeks, header: decodeHeader(headerBytes), headerBytes }
}

/**
 * How long the head is: a quick walk over its lengths, which lets a reader that has parsed the same
 * bytes before skip parsing.
 * @throws EnvelopeError NOT_SEALED, UNKNOWN_FORMAT or MALFORMED.
 */
export function headLength(bytes: Buffer): number {
  checkPrefix(bytes)
  const cursor = new Cursor(bytes, PREFIX.length)
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

/**
 * Where the body starts, given where the IV does; the body reaches to the end of the input.
 * @throws EnvelopeError MALFORMED
 */
export function bodyStart(bytes: Buffer, ivAt: number): number {
  const cursor = new Cursor(bytes, ivAt + IV_BYTES + TAG_BYTES)
  const length = cursor.length(0, Number.MAX_SAFE_INTEGER, 'the body')
  if (bytes.length - cursor.at < length) throw malformed('the input ends within the body')
  if (bytes.length - cursor.at > length) throw malformed('bytes follow the envelope')
  return cursor.at
}

/** Whether a value claims to be an envelope of a released version. */
export function hasEnvelopePrefix(bytes: Uint8Array): boolean {
  return PREFIX.equals(bytes.subarray(0, PREFIX.length))
}

function checkPrefix(bytes: Buffer): void {
  if (bytes[0] !== PREFIX[0] || bytes[1] !== PREFIX[1]) {
    throw new EnvelopeError('NOT_SEALED', 'the value is not an envelope')
  }
  if (bytes.length < PREFIX.length) throw malformed('the input ends within the prefix')
  if (!hasEnvelopePrefix(bytes)) {
    const fingerprint = bytes.toString('hex', 2, PREFIX.length)
    throw new EnvelopeError('UNKNOWN_FORMAT', `the fingerprint ${fingerprint} is not known`)
  }
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
