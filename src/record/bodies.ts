import type { ContentKey } from '../crypto/content-key.js'
import type { Engine } from '../crypto/engine.js'
import { EnvelopeError } from '../errors.js'
import { Aads } from './aads.js'
import type { Envelope } from './examiner.js'
import type { AcceptedPreamble } from './preamble-judge.js'
import { boundHeaderValues, boundKey, describe, type RecordParts } from './record.js'

/** Bodies that are opened together: those of records with the same preamble. */
export class Bodies {
  readonly #preamble: AcceptedPreamble
  readonly #aads: Aads
  readonly #sources: Buffer[] = []
  readonly #places: number[] = []

  constructor(preamble: AcceptedPreamble, aads = new Aads()) {
    this.#preamble = preamble
    this.#aads = aads
  }

  /**
   * @throws EnvelopeError INVALID_RECORD if the key or a bound header is not bytes, or if the memory of the value was
   * transferred since the envelope was examined
   */
  add(record: RecordParts, { value, bodyAt }: Envelope): void {
    if (value.length < bodyAt)
      throw new EnvelopeError('INVALID_RECORD', `the value is ${describe(value)}`, {
        remedy: 'Do not transfer or shrink the memory of a record that is being opened',
      })
    const { format, length: ivAt, aad, keyBound, boundHeaders } = this.#preamble
    this.#aads.add(
      format,
      aad,
      keyBound ? boundKey(record) : undefined,
      boundHeaders.length > 0 ? boundHeaderValues(record, boundHeaders) : undefined,
    )
    this.#sources.push(value)
    this.#places.push(ivAt, ivAt + format.sizes.iv, bodyAt, this.#aads.start, this.#aads.end)
  }

  /** The plaintext of each record, undefined if it is not authentic. */
  open(engine: Engine, key: ContentKey): (Buffer | undefined)[] {
    return engine.openMany(key, { sources: this.#sources, aads: this.#aads.bytes, places: this.#places })
  }
}
