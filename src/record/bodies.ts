import type { ContentKey } from '../crypto/content-key.js'
import type { Engine, SealedBody } from '../crypto/engine.js'
import type { Bytes } from '../envelope/bytes.js'
import type { HeaderValues } from '../envelope/format.js'
import { EnvelopeError } from '../errors.js'
import { Aads, type AadAlone } from './aads.js'
import type { Envelope } from './examiner.js'
import type { AcceptedPreamble } from './preamble-judge.js'
import { boundHeaderValues, boundKey, describe, type RecordParts } from './record.js'

/** Bodies that are opened together: those of records with the same preamble. */
export class Bodies {
  readonly #preamble: AcceptedPreamble
  readonly #aads = new Aads()
  readonly #sources: Buffer[] = []
  readonly #places: number[] = []

  constructor(preamble: AcceptedPreamble) {
    this.#preamble = preamble
  }

  /**
   * @throws EnvelopeError INVALID_RECORD if the key or a bound header is not bytes, or if the memory of the value was
   * transferred since the envelope was examined
   */
  add(record: RecordParts, { value, bodyAt }: Envelope): void {
    checkPresent(value, bodyAt)
    const { format, length: ivAt, aad } = this.#preamble
    this.#aads.add(format, aad, keyIn(record, this.#preamble), headersIn(record, this.#preamble))
    this.#sources.push(value)
    this.#places.push(ivAt, ivAt + format.sizes.iv, bodyAt, this.#aads.start, this.#aads.end)
  }

  /** The plaintext of each record, undefined if it is not authentic. */
  open(engine: Engine, key: ContentKey): (Buffer | undefined)[] {
    return engine.openMany(key, { sources: this.#sources, aads: this.#aads.bytes, places: this.#places })
  }
}

/** A body that is opened alone, before `alone` is used again. @throws EnvelopeError as `Bodies.add` does */
export function bodyAlone(
  record: RecordParts,
  { value, bodyAt, preamble }: Envelope,
  alone: AadAlone,
): SealedBody {
  checkPresent(value, bodyAt)
  const { format, length: ivAt, aad: base } = preamble
  const aad = alone.of(format, base, keyIn(record, preamble), headersIn(record, preamble))
  return { source: value, ivAt, tagAt: ivAt + format.sizes.iv, bodyAt, aad }
}

/** @throws EnvelopeError INVALID_RECORD */
function checkPresent(value: Buffer, bodyAt: number): void {
  if (value.length >= bodyAt) return
  throw new EnvelopeError('INVALID_RECORD', `the value is ${describe(value)}`, {
    remedy: 'Do not transfer or shrink the memory of a record that is being opened',
  })
}

/** The key, if it is bound. @throws EnvelopeError INVALID_RECORD */
function keyIn(record: RecordParts, { keyBound }: AcceptedPreamble): Bytes | null | undefined {
  return keyBound ? boundKey(record) : undefined
}

/** The bound headers, if there are any. @throws EnvelopeError INVALID_RECORD */
function headersIn(
  record: RecordParts,
  { boundHeaders }: AcceptedPreamble,
): readonly HeaderValues[] | undefined {
  return boundHeaders.length > 0 ? boundHeaderValues(record, boundHeaders) : undefined
}
