import type { Bytes } from '../envelope/bytes.js'
import type { Format, HeaderValues } from '../envelope/format.js'
import { EnvelopeError } from '../errors.js'

const NOTHING = Buffer.alloc(0)
const NO_HEADERS: readonly HeaderValues[] = []

/** The bytes that are authenticated with the bodies of a batch, one record after another in one buffer. */
export class Aads {
  #bytes: Buffer = NOTHING
  #start = 0
  #end = 0
  /** The base of the last record, if nothing of the record itself was bound. */
  #unbound: Buffer | undefined

  get bytes(): Buffer {
    return this.#bytes
  }

  /** Where those of the last added record start. */
  get start(): number {
    return this.#start
  }

  get end(): number {
    return this.#end
  }

  /** Forgets all records: the next ones are written to the same memory. */
  clear(): void {
    this.#start = 0
    this.#end = 0
    this.#unbound = undefined
  }

  /**
   * Adds those of the next record. Records that bind neither key nor headers share them.
   * @throws EnvelopeError INVALID_RECORD if a key or header changes meanwhile
   */
  add(
    format: Format,
    base: Buffer,
    key: Bytes | null | undefined,
    headers: readonly HeaderValues[] = NO_HEADERS,
  ): void {
    const isUnbound = key === undefined && headers.length === 0
    if (isUnbound && this.#unbound === base) return
    this.#unbound = isUnbound ? base : undefined
    const length = format.aadBytes(base, key, headers)
    this.#start = this.#end
    this.#end += length
    if (this.#end > this.#bytes.length) this.#grow()
    const end = format.writeAad(this.#bytes, this.#start, base, key, headers)
    // Unwritten memory must never be used: another thread may resize memory that it shares with us.
    if (end !== this.#end) throw changed()
  }

  #grow(): void {
    // A single record takes no more than it needs.
    const grown = Buffer.allocUnsafe(this.#start === 0 ? this.#end : this.#end * 2)
    this.#bytes.copy(grown, 0, 0, this.#start)
    this.#bytes = grown
  }
}

/** The bytes that are authenticated with one body, in memory that the next record uses again. */
export class AadAlone {
  #bytes: Buffer = NOTHING
  /** What the memory begins with. */
  #base: Buffer | undefined

  /**
   * Valid until the next call.
   * @param base is never changed. Most records of a session and topic have the same, and only their tails are written.
   * @throws EnvelopeError INVALID_RECORD if a key or header changes meanwhile
   */
  of(
    format: Format,
    base: Buffer,
    key: Bytes | null | undefined,
    headers: readonly HeaderValues[] = NO_HEADERS,
  ): Buffer {
    const length = format.aadBytes(base, key, headers)
    if (this.#bytes.length !== length) {
      this.#bytes = Buffer.allocUnsafe(length)
      this.#base = undefined
    }
    if (this.#base !== base) {
      this.#bytes.set(base)
      this.#base = base
    }
    if (format.writeAadTail(this.#bytes, base.length, key, headers) !== length) throw changed()
    return this.#bytes
  }
}

function changed(): EnvelopeError {
  return new EnvelopeError('INVALID_RECORD', 'a key or header changed while it was being read')
}
