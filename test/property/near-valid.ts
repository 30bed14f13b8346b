import fc from 'fast-check'
import { COMMITMENT_BYTES, IV_BYTES, SESSION_ID_BYTES, TAG_BYTES } from '../../src/envelope/bounds.js'
import { LONG, PREFIX } from './oracle.js'

/*
 * Bytes that are an envelope, or nearly: fields at and around their bounds, written as Avro by a writer that makes
 * mistakes where it is told to.
 */

/** The deviation of one write; 0 is the canonical form. The meaning of a number depends on the value written. */
type Slip = number
const SLIPS = 7

class NearWriter {
  readonly #parts: Buffer[] = []
  readonly #slips: ReadonlyMap<number, Slip>
  #writes = 0

  constructor(slips: ReadonlyMap<number, Slip>) {
    this.#slips = slips
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  /** Of an int, a length, or a count. */
  int(value: number): void {
    const shortest = LONG.toBuffer(value)
    const longer = Buffer.from(shortest)
    longer.writeUInt8((longer.at(-1) ?? 0) | 0x80, longer.length - 1)
    const slips = [
      shortest,
      Buffer.concat([longer, Buffer.of(0)]),
      Buffer.concat([longer, Buffer.of(0x80, 0x80, 0x00)]),
      LONG.toBuffer(value + 1),
      LONG.toBuffer(value - 1),
      LONG.toBuffer(-value),
      LONG.toBuffer(value + 2 ** 32),
    ]
    this.#parts.push(slips[this.#slip()] ?? Buffer.alloc(11, 0xff))
  }

  boolean(value: boolean): void {
    this.#parts.push(Buffer.of([value ? 1 : 0, 2, 0x80, 0xff][this.#slip()] ?? (value ? 0 : 1)))
  }

  fixed(value: Buffer): void {
    const slip = this.#slip()
    this.#parts.push(
      slip === 1 ? value.subarray(1) : slip === 2 ? Buffer.concat([value, Buffer.of(0)]) : value,
    )
  }

  sized(value: Buffer): void {
    const slips = [
      value,
      ...['ff', 'eda080', 'c080', 'f4908080'].map((hex) => Buffer.concat([value, Buffer.from(hex, 'hex')])),
      Buffer.concat([value, Buffer.from(' é\n')]),
      Buffer.alloc(0),
    ]
    const content = slips[this.#slip()] ?? value
    this.int(content.length)
    this.#parts.push(content)
  }

  /** The items of an array or map. */
  items(writes: readonly (() => void)[]): void {
    const slip = this.#slip()
    if (slip === 1 && writes.length > 1) {
      this.#block(writes.slice(0, 1))
      this.#block(writes.slice(1))
    } else if (slip === 2 && writes.length > 0) this.#sizedBlock(writes)
    else if (slip === 3) this.#block([...writes].reverse())
    else if (slip === 4) this.#block([...writes, ...writes.slice(-1)])
    else if (slip === 5) this.#block(writes.slice(1))
    else if (writes.length > 0) this.#block(writes)
    if (slip !== 6) this.int(0)
  }

  end(): void {
    if (this.#slip() > 0) this.#parts.push(Buffer.of(0))
  }

  #block(writes: readonly (() => void)[]): void {
    this.int(writes.length)
    for (const write of writes) write()
  }

  /** As Avro allows: a negative count, then the size of the block. */
  #sizedBlock(writes: readonly (() => void)[]): void {
    const before = this.#parts.length
    for (const write of writes) write()
    const block = Buffer.concat(this.#parts.splice(before))
    this.#parts.push(LONG.toBuffer(-writes.length), LONG.toBuffer(block.length), block)
  }

  #slip(): Slip {
    return this.#slips.get(this.#writes++) ?? 0
  }
}

/** Lengths around a bound, and short ones, which are far more likely to be within all the others. */
const around = (bound: number): fc.Arbitrary<number> =>
  fc.oneof(
    { weight: 40, arbitrary: fc.integer({ min: 1, max: 9 }) },
    fc.constantFrom(0, bound - 1, bound, bound + 1),
  )

const text = (characters: string, bound: number): fc.Arbitrary<Buffer> =>
  around(bound).chain((length) =>
    fc
      .array(fc.constantFrom(...Buffer.from(characters)), {
        minLength: Math.min(length, 12),
        maxLength: Math.min(length, 12),
      })
      .map((some) => Buffer.alloc(length, some.length === 0 ? undefined : Buffer.from(some))),
  )

const octets = (bound: number): fc.Arbitrary<Buffer> =>
  around(bound).map((length) => Buffer.alloc(length, 0x5a))
const exactly = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes))

const name = fc.oneof(
  text('ab~', 256),
  fc.string({ unit: 'binary', maxLength: 6 }).map((s) => Buffer.from(s)),
)
const sorted = <T>(items: readonly T[], key: (item: T) => Buffer): T[] =>
  [...items].sort((a, b) => Buffer.compare(key(a), key(b)))
const unique = <T>(items: readonly T[], key: (item: T) => Buffer): T[] => [
  ...new Map(items.map((item) => [key(item).toString('hex'), item])).values(),
]
/** Mostly in order and without duplicates. */
const set = <T>(item: fc.Arbitrary<T>, key: (item: T) => Buffer, maxLength: number): fc.Arbitrary<T[]> =>
  fc
    .tuple(fc.array(item, { maxLength: 5 }), fc.nat(20), fc.array(item, { maxLength }))
    .map(([few, kind, many]) => {
      if (kind === 0) return few
      if (kind === 1) return sorted(unique(many, key), key)
      const proper = sorted(unique(few, key), key)
      return kind === 2 ? [...proper, ...proper.slice(-1)] : proper
    })

const entry = fc.tuple(text('ab10._:/@=+-', 128), text('xyz', 128))

const fields = fc.record({
  suite: fc.oneof(fc.constant(1), fc.integer()),
  compression: fc.oneof(fc.constantFrom(0, 0, 1, 2, 3), fc.integer()),
  /** Mostly as the compression demands. */
  dictionary: fc.oneof({ weight: 20, arbitrary: fc.constant(undefined) }, octets(32)),
  keyBound: fc.boolean(),
  boundHeaders: set(name, (bytes) => bytes, 34),
  topic: text('abcXYZ019._-', 249),
  context: set(entry, ([key]) => key, 40),
  sessionId: exactly(SESSION_ID_BYTES),
  commitment: exactly(COMMITMENT_BYTES),
})

const wrapping = fc.record({
  provider: text('ab019/-', 64),
  cmkId: text('cC019!~', 256),
  ciphertextDek: octets(1024),
})

/** Where the writer slips, and how: mostly nowhere. */
const slips = fc
  .oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    fc.array(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: SLIPS })), { minLength: 1, maxLength: 2 }),
  )
  .map((list): ReadonlyMap<number, Slip> => new Map(list))

function writeHeader(
  header: typeof fields extends fc.Arbitrary<infer T> ? T : never,
  to: NearWriter,
): Buffer {
  to.int(header.suite)
  to.int(header.compression)
  to.sized(header.dictionary ?? Buffer.alloc(header.compression === 3 ? 32 : 0, 0xd1))
  to.boolean(header.keyBound)
  to.items(
    header.boundHeaders.map((bound) => () => {
      to.sized(bound)
    }),
  )
  to.sized(header.topic)
  to.items(
    header.context.map(([key, value]) => () => {
      to.sized(key)
      to.sized(value)
    }),
  )
  to.fixed(header.sessionId)
  to.fixed(header.commitment)
  to.end()
  return to.bytes()
}

/** A header, or nearly. */
const nearHeader = fc
  .tuple(fields, slips)
  .map(([header, where]) => writeHeader(header, new NearWriter(where)))

const structured = fc
  .record({
    // A refused value would hide everything around it.
    header: fc.oneof(
      nearHeader,
      fields.map((header) => writeHeader(header, new NearWriter(new Map()))),
    ),
    wrappings: fc.oneof(
      {
        weight: 8,
        arbitrary: fc.uniqueArray(wrapping, {
          minLength: 1,
          maxLength: 5,
          selector: ({ provider, cmkId }) => `${provider.toString()} ${cmkId.toString()}`,
        }),
      },
      fc.array(wrapping, { maxLength: 7 }),
    ),
    iv: exactly(IV_BYTES),
    tag: exactly(TAG_BYTES),
    body: fc.oneof(
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
      octets(70_000),
    ),
    slips,
  })
  .map(({ header, wrappings, iv, tag, body, slips: where }) => {
    const to = new NearWriter(where)
    to.items(
      wrappings.map(({ provider, cmkId, ciphertextDek }) => () => {
        to.sized(provider)
        to.sized(cmkId)
        to.sized(ciphertextDek)
      }),
    )
    to.sized(header)
    to.fixed(iv)
    to.fixed(tag)
    to.sized(body)
    to.end()
    return Buffer.concat([PREFIX, to.bytes()])
  })

/** Bytes cut out and put in anywhere. */
const splice = fc.tuple(fc.nat(), fc.nat(4), fc.uint8Array({ maxLength: 4 }))

/** A record value that is an envelope, or nearly. */
export const nearEnvelope: fc.Arbitrary<Buffer> = fc
  .tuple(structured, fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, splice))
  .map(([bytes, cut]) => {
    if (cut === null) return bytes
    const [at, remove, insert] = cut
    const from = at % (bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(from + remove)])
  })
