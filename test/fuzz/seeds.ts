import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { deflateRawSync, gzipSync } from 'node:zlib'
import { HEADER_PAIRS, oracle, type OracleHeader } from '../property/oracle.js'
import { referenceAad, referenceUnseal, session } from '../property/reference.js'
import type { DekVector } from '../../scripts/vectors/dek-vectors.js'
import { parseVectors } from '../../scripts/vectors/try-vectors.js'
import { FLAGS, writeLayout, type Layout } from './layout.js'
import type { Target } from './plan.js'

const VECTORS = 'test/vectors'

/** Writes the inputs that a fuzzer starts from, made of the test vectors, and returns how many there are. */
export function writeSeeds({ name, maxLength }: Target, folder: string): number {
  const vectors = readdirSync(VECTORS)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => parseVectors(readFileSync(`${VECTORS}/${file}`, 'utf8'))) as DekVector[]
  const seeds = { decoder: envelopes, opener: layouts, compression: bodies }[name](vectors)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const byName = new Map(
    seeds
      .filter((seed) => seed.length <= maxLength)
      .map((seed) => [createHash('sha1').update(seed).digest('hex'), seed]),
  )
  for (const [hash, seed] of byName) writeFileSync(`${folder}/${hash}`, seed)
  return byName.size
}

function envelopes(vectors: readonly DekVector[]): Buffer[] {
  return vectors.map(({ envelope }) => Buffer.from(envelope, 'hex'))
}

/** Envelopes unchanged, and those that open also in parts, so that the target seals them again under its own DEK. */
function layouts(vectors: readonly DekVector[]): Buffer[] {
  const { crafted, changed, strict, gzip, keyNull } = FLAGS
  return [
    ...envelopes(vectors).map((envelope) => Buffer.concat([Buffer.of(0), envelope])),
    ...vectors.flatMap((vector, i) => {
      const parts = takenApart(vector)
      if (parts === undefined) return []
      const { header, ...rest } = parts
      const change = { at: i * 7, xor: 1 << (i % 8) }
      const flags = crafted | (vector.key === null ? keyNull : 0)
      const layout = (more: number, as: Partial<OracleHeader>): Buffer =>
        writeLayout({ ...rest, flags: flags | more, change, headerStart: startOf({ ...header, ...as }) })
      return [
        layout(0, { topic: 't' }),
        layout(changed, { topic: 't' }),
        layout(changed | gzip, { topic: 't', compression: 1 }),
        // The requirements of the strict rule: none of those of the vector, then all but one, then all.
        layout(strict, { topic: 's' }),
        layout(strict, { topic: 's', boundHeaders: ['h'], keyBound: true }),
        layout(strict | changed, { topic: 's', boundHeaders: ['h'], keyBound: true, context: PROD }),
      ]
    }),
  ]
}

const PROD = [{ key: 'env', value: 'prod' }]

/** A header up to its session id. */
function startOf(header: OracleHeader): Buffer {
  return HEADER_PAIRS.toBuffer(header).subarray(0, -48)
}

function bodies(vectors: readonly DekVector[]): Buffer[] {
  const texts = ['', 'a', 'kafka-envelope '.repeat(40), 'x'.repeat(70_000)].map((text) => Buffer.from(text))
  const data = [
    ...vectors.flatMap((vector) => takenApart(vector)?.data ?? []),
    ...texts.map((text) => gzipSync(text)),
    ...ZSTD_FRAMES.map((hex) => Buffer.from(hex, 'hex')),
  ]
  const flagged = (flags: number, bytes: Buffer): Buffer => Buffer.concat([Buffer.of(flags), bytes])
  const dictionary = Buffer.from('kafka-envelope ')
  const withDictionary = (flags: number, bytes: Buffer): Buffer =>
    Buffer.concat([Buffer.of(flags, dictionary.length - 1), dictionary, bytes])
  const whole = Buffer.alloc(2 ** 15 - dictionary.length + 1, dictionary)
  return [
    ...[...data, ...texts.map((text) => deflateRawSync(text, { dictionary }))].flatMap((bytes) =>
      [16, 18].map((flags) => withDictionary(flags, bytes)),
    ),
    ...texts.flatMap((text) =>
      [48, 50].map((flags) => withDictionary(flags, deflateRawSync(text, { dictionary: whole }))),
    ),
    ...texts.flatMap((text) =>
      [24, 56].map((flags) => withDictionary(flags, Buffer.concat([Buffer.of(3, 1), text]))),
    ),
    ...data.flatMap((bytes) => [0, 1, 2].map((flags) => flagged(flags, bytes))),
    ...texts.flatMap((text) =>
      [8, 9, 10].map((flags) => flagged(flags, Buffer.concat([Buffer.of(3, 1), text]))),
    ),
  ]
}

/** Single segment, window, two blocks, repeated byte, checksum, dictionary id (RFC 8878, 3.1.1); two frames. */
const ZSTD_FRAMES = [
  '28b52ffd2003190000616263',
  '28b52ffd0000190000616263',
  '28b52ffd20020800006109000062',
  '28b52ffd200843000061',
  '28b52ffd24010900006100112233',
  '28b52ffde3010203040100000000000000' + '09000061',
  '28b52ffd2003190000616263' + '28b52ffd2003190000616263',
  '502a4d1800000000' + '28b52ffd2003190000616263',
]

const WRAPPED_DEKS = [
  // a: good; a: does not unwrap, b: good; b: another DEK, and one that no rule names.
  '02' + '0866757a7a' + '0261' + '0267' + '00',
  '04' + '0866757a7a' + '0261' + '0278' + '0866757a7a' + '0262' + '0267' + '00',
  '04' + '0866757a7a' + '0262' + '026f' + '026c' + '0278' + '0267' + '00',
].map((hex) => Buffer.from(hex, 'hex'))

/** A vector that authenticates, in parts. */
function takenApart({
  envelope: hex,
  dek,
  key,
  headers,
}: DekVector): (Omit<Layout, 'flags' | 'change' | 'headerStart'> & { header: OracleHeader }) | undefined {
  const parsed = oracle(Buffer.from(hex, 'hex'))
  if (parsed === undefined) return undefined
  const { envelope, header } = parsed
  const record = {
    key: key === null ? null : Buffer.from(key, 'hex'),
    headers: headers.map(
      ([name, value]) => [name, value === null ? null : Buffer.from(value, 'hex')] as const,
    ),
  }
  const { key: contentKey } = session(Buffer.from(dek, 'hex'), header.sessionId)
  const data = referenceUnseal(contentKey, referenceAad(envelope.header, header, record), envelope)
  if (data === undefined) return undefined
  return {
    wrappedDeks: WRAPPED_DEKS[data.length % WRAPPED_DEKS.length] as Buffer,
    header,
    iv: envelope.iv,
    key: record.key ?? Buffer.alloc(0),
    headers: record.headers,
    data,
  }
}
