import { IV_BYTES, TAG_BYTES } from '../bounds.js'
import type { Format } from '../format.js'
import { aadBase, aadBytes, writeAad, writeAadTail } from './aad.js'
import {
  bodyStart,
  decodePreamble,
  decodeWrappings,
  encodePreamble,
  envelopeBytes,
  preambleLength,
  writeFrame,
} from './envelope.js'
import { decodeHeader, encodeHeader } from './header.js'
import { PREFIX } from './prefix.js'
import { contextBytes, headerBytes, overheadBytes } from './size.js'

/** Format version 1: docs/format.md. */
export const v1: Format = {
  version: 1,
  prefix: PREFIX,
  sizes: {
    iv: IV_BYTES,
    tag: TAG_BYTES,
    overhead: overheadBytes,
    header: headerBytes,
    context: contextBytes,
  },
  encodeHeader,
  encodePreamble,
  envelopeBytes,
  writeFrame,
  preambleLength,
  decodePreamble,
  decodeWrappings,
  decodeHeader,
  bodyStart,
  aadBase,
  aadBytes,
  writeAad,
  writeAadTail,
}
