import { isUtf8 } from 'node:buffer'
import {
  COMMITMENT_BYTES,
  CONTEXT_TEXT,
  DICTIONARY_NAME_BYTES,
  MAX_BOUND_HEADERS,
  MAX_BOUND_HEADER_BYTES,
  MAX_CONTEXT_BYTES,
  SESSION_ID_BYTES,
  TOPIC,
} from '../bounds.js'
import { Cursor, malformed } from '../cursor.js'
import type { Header } from '../format.js'
import { blocks, boolean, fixed, int, lengthPrefixed, text } from '../write.js'

/*
 * header       = suite compression dictionary keyBound boundHeaders topic context sessionId commitment
 * suite        = int                     ; registered number
 * compression  = int                     ; registered number
 * dictionary   = %x00 / (length 32OCTET) ; SHA-256, as the compression demands
 * keyBound     = %x00 / %x01
 * boundHeaders = %x00 / (count 1*32name %x00)   ; strictly ascending by bytes
 * topic        = string
 * context      = %x00 / (count 1*(key value) %x00) ; keys strictly ascending by bytes
 * sessionId    = 16OCTET
 * commitment   = 32OCTET
 */

/** The canonical bytes of a header whose members are within bounds and in order. */
export function encodeHeader(header: Header): Buffer {
  return Buffer.concat([
    int(header.suite),
    int(header.compression),
    lengthPrefixed(header.dictionary),
    boolean(header.keyBound),
    blocks(header.boundHeaders.map(text)),
    text(header.topic),
    blocks(header.context.map(([key, value]) => Buffer.concat([text(key), text(value)]))),
    fixed(header.sessionId, SESSION_ID_BYTES),
    fixed(header.commitment, COMMITMENT_BYTES),
  ])
}

/** @throws EnvelopeError MALFORMED if the bytes are not the canonical form of a header within bounds */
export function decodeHeader(bytes: Buffer): Header {
  const cursor = new Cursor(bytes)
  const suite = cursor.int()
  const compression = cursor.int()
  const header: Header = {
    suite,
    compression,
    dictionary: decodeDictionary(cursor, compression),
    keyBound: cursor.boolean('keyBound'),
    boundHeaders: decodeBoundHeaders(cursor),
    topic: cursor.text(TOPIC, 'topic'),
    context: decodeContext(cursor),
    sessionId: cursor.fixed(SESSION_ID_BYTES, 'sessionId'),
    commitment: cursor.fixed(COMMITMENT_BYTES, 'commitment'),
  }
  cursor.end('the header')
  return header
}

/** Whether each registered compression has a dictionary. A number that is registered later may have one or not. */
const HAS_DICTIONARY: readonly boolean[] = [false, false, false, true]

function decodeDictionary(cursor: Cursor, compression: number): Buffer {
  const name = cursor.bytes(0, DICTIONARY_NAME_BYTES, 'dictionary')
  const isNamed = name.length === DICTIONARY_NAME_BYTES
  if (!isNamed && name.length > 0) throw malformed('dictionary is not a SHA-256')
  if (isNamed !== (HAS_DICTIONARY[compression] ?? isNamed))
    throw malformed(`compression ${String(compression)} has ${isNamed ? 'no' : 'a'} dictionary`)
  return name
}

function decodeBoundHeaders(cursor: Cursor): string[] {
  const count = cursor.length(0, MAX_BOUND_HEADERS, 'boundHeaders')
  const names: string[] = []
  let previous: Buffer | undefined
  for (let i = 0; i < count; i++) {
    const name = cursor.bytes(1, MAX_BOUND_HEADER_BYTES, 'the name of a bound header')
    if (!isUtf8(name)) throw malformed('the name of a bound header is not UTF-8')
    if (previous && previous.compare(name) >= 0) throw malformed('boundHeaders are not strictly ascending')
    names.push(name.toString('utf8'))
    previous = name
  }
  if (count > 0) cursor.endOfBlocks('boundHeaders')
  return names
}

function decodeContext(cursor: Cursor): [string, string][] {
  const start = cursor.at
  const count = cursor.length(0, MAX_CONTEXT_BYTES, 'context')
  const entries: [string, string][] = []
  let previous = ''
  for (let i = 0; i < count; i++) {
    const key = cursor.text(CONTEXT_TEXT, 'a key of the context')
    // Plain comparison is byte order here, because the pattern allows only ASCII.
    if (key <= previous) throw malformed('the keys of the context are not strictly ascending')
    entries.push([key, cursor.text(CONTEXT_TEXT, 'a value of the context')])
    if (cursor.at - start >= MAX_CONTEXT_BYTES) throw malformed('the context is too long')
    previous = key
  }
  if (count > 0) cursor.endOfBlocks('the context')
  return entries
}
