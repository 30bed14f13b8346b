import { createHash } from 'node:crypto'
import * as zlib from 'node:zlib'
import { deflateRawSync, gzipSync } from 'node:zlib'
import type { ReadRecord } from '../../src/record/index.js'
import { ENVELOPE, HEADER_PAIRS, LONG, PREFIX, type OracleEnvelope, type OracleHeader } from './oracle.js'
import { referenceAad, referenceSeal, session, type ReferenceRecord } from './reference.js'

/*
 * Families of input that grow with `n` in one respect each, to cost a reader as much as they can. Their sealer has
 * the DEK, so that nothing stops them at the tag.
 */

export const DEK = Buffer.alloc(32, 0x42)
export const MAX_DECOMPRESSED_BYTES = 1 << 20
/** Each twice the one before. The last is over the number of preambles that a reader remembers. */
export const SIZES = [150, 300, 600, 1200] as const
const SESSION_ID = Buffer.alloc(16, 0x51)
const SESSION = session(DEK, SESSION_ID)

interface Made extends Partial<ReferenceRecord> {
  readonly header?: Partial<OracleHeader>
  readonly wrappedDeks?: OracleEnvelope['wrappedDeks']
  readonly data?: Buffer
}

const wrapped = (cmkId: string, ciphertextDek: Buffer = Buffer.of(1)) => ({
  provider: 'cost',
  cmkId,
  ciphertextDek,
})

function made({
  header: given,
  wrappedDeks = [wrapped('a')],
  data = Buffer.from('x'),
  key = null,
  headers = [],
}: Made = {}): ReadRecord {
  const { key: contentKey, commitment } = given?.sessionId ? session(DEK, given.sessionId) : SESSION
  const header: OracleHeader = {
    suite: 1,
    compression: 0,
    dictionary: Buffer.alloc(0),
    keyBound: true,
    boundHeaders: [],
    topic: 't',
    context: [],
    sessionId: SESSION_ID,
    commitment,
    ...given,
  }
  const bytes = HEADER_PAIRS.toBuffer(header)
  const iv = Buffer.alloc(12)
  const sealed = referenceSeal(contentKey, iv, referenceAad(bytes, header, { key, headers }), data)
  const value = Buffer.concat([PREFIX, ENVELOPE.toBuffer({ wrappedDeks, header: bytes, iv, ...sealed })])
  return recordOf(value, key, headers)
}

function recordOf(
  value: Buffer,
  key: Buffer | null = null,
  headers: ReferenceRecord['headers'] = [],
): ReadRecord {
  const byName = Object.create(null) as Record<string, (Buffer | null)[]>
  for (const [name, headerValue] of headers) (byName[name] ??= []).push(headerValue)
  return { topic: 't', value, key, headers: byName }
}

const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i))
const gzipped = (data: Buffer): ReadRecord => made({ header: { compression: 1 }, data })
/** The longest dictionary, which the reader has. */
export const DICTIONARY = Buffer.alloc(2 ** 15, '{"order":17}')
const NAME = createHash('sha256').update(DICTIONARY).digest()
const deflate = (data: Buffer): Buffer => deflateRawSync(data, { dictionary: DICTIONARY })
const deflated = (data: Buffer): ReadRecord => made({ header: { compression: 3, dictionary: NAME }, data })
const u32 = (i: number): Buffer => Buffer.of(i >>> 24, i >>> 16, i >>> 8, i)
/** A member whose name, comment or extra field is as long as it can be. */
const member = (flags: number, between: Buffer): Buffer =>
  Buffer.concat([Buffer.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255), between, gzipSync('x').subarray(10)])
const NAMES = times(32, (i) => String(i).padStart(2, '0'))

/** The result of a family's inputs. */
export type Ends =
  | 'opens'
  | 'MALFORMED'
  | 'NOT_SEALED'
  | 'NO_CANDIDATE'
  | 'DICTIONARY_UNKNOWN'
  | 'UNWRAP_FAILED'
  | 'DECOMPRESSION_FAILED'
  | 'TOO_LARGE'

export interface Family {
  readonly ends: Ends
  readonly batch: (n: number) => ReadRecord[]
}

const ALWAYS: Readonly<Record<string, Family>> = {
  'a long body': { ends: 'opens', batch: (n) => [made({ data: Buffer.alloc(n * 100) })] },
  'a long key': { ends: 'opens', batch: (n) => [made({ key: Buffer.alloc(n * 100) })] },
  'no envelope, but long': { ends: 'NOT_SEALED', batch: (n) => [recordOf(Buffer.alloc(n * 100))] },
  'minimal items behind the prefix': {
    ends: 'MALFORMED',
    batch: (n) => [recordOf(Buffer.concat([PREFIX, Buffer.alloc(n * 100, 2)]))],
  },
  'a varint without end': {
    ends: 'MALFORMED',
    batch: (n) => [recordOf(Buffer.concat([PREFIX, Buffer.alloc(n * 100, 0x80)]))],
  },
  'counts and lengths of 2^31 to 2^52 everywhere': {
    ends: 'MALFORMED',
    batch: (n) =>
      times(n, (i) => {
        const whole = made().value ?? Buffer.alloc(0)
        const at = 10 + (i % 40)
        return recordOf(
          Buffer.concat([whole.subarray(0, at), LONG.toBuffer(2 ** (31 + (i % 22))), whole.subarray(at)]),
        )
      }),
  },
  'bound headers with many empty values': {
    ends: 'opens',
    batch: (n) => [
      made({
        header: { boundHeaders: NAMES },
        headers: times(n * 32, (i) => [NAMES[i % 32] ?? '', i % 2 === 0 ? null : Buffer.alloc(0)]),
      }),
    ],
  },
  'one bound header with many values': {
    ends: 'opens',
    batch: (n) => [
      made({ header: { boundHeaders: ['h'] }, headers: times(n * 32, () => ['h', Buffer.of(1)]) }),
    ],
  },
  'many headers that are not bound': {
    ends: 'opens',
    batch: (n) => [
      made({
        header: { boundHeaders: NAMES },
        headers: times(n * 32, (i) => [`x${String(i)}`, Buffer.of(1)]),
      }),
    ],
  },
  'records with one preamble': { ends: 'opens', batch: (n) => times(n, (i) => made({ key: u32(i) })) },
  'records with a preamble each': {
    ends: 'opens',
    batch: (n) => times(n, (i) => made({ header: { boundHeaders: [`h${String(i)}`] } })),
  },
  'records with a session each': {
    ends: 'opens',
    batch: (n) => times(n, (i) => made({ header: { sessionId: Buffer.concat([Buffer.alloc(12), u32(i)]) } })),
  },
  'records with the fullest preamble each': {
    ends: 'opens',
    batch: (n) =>
      times(n, (i) =>
        made({
          header: {
            boundHeaders: times(11, (h) => `${String(h).padStart(2, '0')} ${String(i)} `.padEnd(256, 'x')),
            // The most entries that fit.
            context: times(102, (c) => ({ key: String(c).padStart(7, '0'), value: 'v' })),
          },
          wrappedDeks: [
            ...times(4, (w) => wrapped(String(w).padEnd(256, '~'), Buffer.alloc(1024))),
            wrapped('a'),
          ],
        }),
      ),
  },
  'forged wrappings, each another': {
    ends: 'UNWRAP_FAILED',
    batch: (n) =>
      times(n, (i) =>
        made({
          wrappedDeks: times(5, (w) => wrapped('abcde'.charAt(w), Buffer.concat([Buffer.of(0), u32(i)]))),
        }),
      ),
  },
  'wrappings that no rule names, each another': {
    ends: 'NO_CANDIDATE',
    batch: (n) => times(n, (i) => made({ wrappedDeks: times(5, (w) => wrapped(`z${String(w)}`, u32(i))) })),
  },
  'records of one byte': { ends: 'NOT_SEALED', batch: (n) => times(n, () => recordOf(Buffer.of(1))) },
  'gzip of small values': { ends: 'opens', batch: (n) => times(n, (i) => gzipped(gzipSync(u32(i)))) },
  'gzip of zeros': { ends: 'opens', batch: (n) => [gzipped(gzipSync(Buffer.alloc(n * 800)))] },
  'a gzip bomb': { ends: 'TOO_LARGE', batch: (n) => [gzipped(gzipSync(Buffer.alloc((n + 100) * 20_000)))] },
  'gzip of many members': {
    ends: 'DECOMPRESSION_FAILED',
    batch: (n) => [gzipped(Buffer.concat(times(n * 5, () => gzipSync(''))))],
  },
  'gzip of many empty blocks': {
    ends: 'opens',
    batch: (n) => {
      const whole = gzipSync('')
      const empty = Buffer.from('000000ffff', 'hex')
      return [
        gzipped(Buffer.concat([whole.subarray(0, 10), ...times(n * 20, () => empty), whole.subarray(10)])),
      ]
    },
  },
  'gzip of damaged data, each another': {
    ends: 'DECOMPRESSION_FAILED',
    batch: (n) =>
      times(n, (i) => gzipped(Buffer.concat([gzipSync('').subarray(0, 10), Buffer.of(7), u32(i), u32(i)]))),
  },
  'deflate of small values': { ends: 'opens', batch: (n) => times(n, (i) => deflated(deflate(u32(i)))) },
  'deflate of zeros': { ends: 'opens', batch: (n) => [deflated(deflate(Buffer.alloc(n * 800)))] },
  'a deflate bomb': {
    ends: 'TOO_LARGE',
    batch: (n) => [deflated(deflate(Buffer.alloc((n + 100) * 20_000)))],
  },
  'deflate of many empty blocks': {
    ends: 'opens',
    batch: (n) => [
      deflated(
        Buffer.concat([...times(n * 20, () => Buffer.from('000000ffff', 'hex')), deflate(Buffer.alloc(0))]),
      ),
    ],
  },
  'deflate of damaged data, each another': {
    ends: 'DECOMPRESSION_FAILED',
    batch: (n) => times(n, (i) => deflated(Buffer.concat([Buffer.of(7), u32(i), u32(i)]))),
  },
  'an unknown dictionary each': {
    ends: 'DICTIONARY_UNKNOWN',
    batch: (n) =>
      times(n, (i) =>
        made({ header: { compression: 3, dictionary: Buffer.concat([Buffer.alloc(28), u32(i)]) } }),
      ),
  },
  'gzip with a long name and comment': {
    ends: 'opens',
    batch: (n) => [
      gzipped(
        member(
          0x18,
          Buffer.concat([Buffer.alloc(n * 50, 1), Buffer.alloc(1), Buffer.alloc(n * 50, 1), Buffer.alloc(1)]),
        ),
      ),
    ],
  },
  'gzip with a name that does not end': {
    ends: 'DECOMPRESSION_FAILED',
    batch: (n) => [
      gzipped(Buffer.concat([Buffer.of(0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255), Buffer.alloc(n * 100, 1)])),
    ],
  },
}

const ZSTD: Readonly<Record<string, Family>> = {
  'zstd of many empty blocks': {
    ends: 'opens',
    batch: (n) => [zstd(...times(n * 30, () => '000000'))],
  },
  'a zstd bomb of repeated bytes': {
    ends: 'TOO_LARGE',
    batch: (n) => [zstd(...times(n, () => '02001061'))],
  },
  'a zstd window of 128 MiB': {
    ends: 'opens',
    batch: (n) =>
      times(n, () =>
        made({ header: { compression: 2 }, data: Buffer.from('28b52ffd0088' + '09000061', 'hex') }),
      ),
  },
}

/** A frame with a window of 1 MiB: these blocks (RFC 8878, 3.1.1.2), then one byte. */
function zstd(...blocks: readonly string[]): ReadRecord {
  return made({
    header: { compression: 2 },
    data: Buffer.from(`28b52ffd0050${blocks.join('')}09000061`, 'hex'),
  })
}

export const FAMILIES: Readonly<Record<string, Family>> = {
  ...ALWAYS,
  ...('zstdCompressSync' in zlib ? ZSTD : {}),
}
