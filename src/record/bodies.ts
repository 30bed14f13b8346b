import type { ContentKey } from '../crypto/content-key.js'
import { OPEN_PLACES, type Engine, type SealedBody } from '../crypto/engine.js'
import type { Bytes } from '../envelope/bytes.js'
import type { HeaderValues } from '../envelope/format.js'
import { EnvelopeError } from '../errors.js'
import { Aads, type AadAlone } from './aads.js'
import type { Envelope } from './examiner.js'
import type { AcceptedPreamble } from './preamble-judge.js'
import { boundHeaderValues, boundKey, describe, type RecordParts } from './record.js'

/** Memory that a batch needs until it is opened. */
interface Room {
  readonly aads: Aads
  places: Uint32Array
}

/** That of the last batch, if no other uses it, and it is not large. */
let idle: Room | undefined
const MAX_IDLE_BYTES = 2 ** 18

/** Bodies that are opened together: those of records with the same preamble. */
export class Bodies {
  readonly #preamble: AcceptedPreamble
  readonly #sources: Buffer[] = []
  readonly #room: Room

  constructor(preamble: AcceptedPreamble) {
    this.#preamble = preamble
    this.#room = idle ?? { aads: new Aads(), places: new Uint32Array(OPEN_PLACES) }
    idle = undefined
  }

  /**
   * @throws EnvelopeError INVALID_RECORD if the key or a bound header is not bytes, or if the memory of the value was
   * transferred since the envelope was examined
   */
  add(record: RecordParts, value: Buffer, bodyAt: number): void {
    checkPresent(value, bodyAt)
    const { format, bytes, aad } = this.#preamble
    const ivAt = bytes.length
    const { aads } = this.#room
    aads.add(format, aad, keyIn(record, this.#preamble), headersIn(record, this.#preamble))
    const at = OPEN_PLACES * this.#sources.length
    const places = this.#placesFrom(at)
    places[at] = ivAt
    places[at + 1] = ivAt + format.sizes.iv
    places[at + 2] = bodyAt
    places[at + 4] = aads.start
    places[at + 5] = aads.end
    this.#sources.push(value)
  }

  /** The plaintext of each record, undefined if it is not authentic. Call it once, at the end. */
  open(engine: Engine, key: ContentKey): (Buffer | undefined)[] {
    const { aads, places } = this.#room
    const bodies = engine.openMany(key, { sources: this.#sources, aads: aads.bytes, places })
    aads.clear()
    if (aads.bytes.length + places.byteLength <= MAX_IDLE_BYTES) idle = this.#room
    return bodies
  }

  /** Places with room for those of one more record. */
  #placesFrom(at: number): Uint32Array {
    const { places } = this.#room
    if (at < places.length) return places
    const grown = new Uint32Array(2 * places.length)
    grown.set(places)
    return (this.#room.places = grown)
  }
}

/** A body that is opened alone, before `alone` is used again. @throws EnvelopeError as `Bodies.add` does */
export function bodyAlone(
  record: RecordParts,
  { value, bodyAt, preamble }: Envelope,
  alone: AadAlone,
): SealedBody {
  checkPresent(value, bodyAt)
  const { format, bytes, aad: base } = preamble
  const aad = alone.of(format, base, keyIn(record, preamble), headersIn(record, preamble))
  const ivAt = bytes.length
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
