import { fail, ok, strictEqual } from 'node:assert'
import { gzipSync } from 'node:zlib'
import { EnvelopeError } from '../../../src/errors.js'
import { createEncryption, type Kms } from '../../../src/index.js'
import { openRecords, type ReadRecord } from '../../../src/record/index.js'
import { headerOracle, LONG, PREFIX, type OracleHeader } from '../../property/oracle.js'
import {
  referenceAad,
  referenceOpen,
  referenceSeal,
  session,
  type ReferenceRecord,
  type ReferenceRule,
} from '../../property/reference.js'
import { FLAGS, readLayout, type Layout } from '../layout.js'

const DEK = Buffer.alloc(32, 0x42)
const OTHER_DEK = Buffer.alloc(32, 0x43)
const SESSION_ID = Buffer.alloc(16, 0x51)
const { key: CONTENT_KEY, commitment: COMMITMENT } = session(DEK, SESSION_ID)
const MAX_DECOMPRESSED_BYTES = 1 << 16

const DICTIONARY = Buffer.from('{"order":17,"status":"paid"}')

const CMKS = ['a', 'b'].map((cmkId) => ({ provider: 'fuzz', cmkId }))
const LOOSE: ReferenceRule = {
  topic: 't',
  keyBound: false,
  headers: [],
  context: {},
  cmks: CMKS,
  maxDecompressedBytes: MAX_DECOMPRESSED_BYTES,
  dictionaries: [DICTIONARY],
}
const STRICT: ReferenceRule = {
  ...LOOSE,
  topic: 's',
  keyBound: true,
  headers: ['h'],
  context: { env: 'prod' },
}

/** The first byte of a ciphertext DEK decides what it unwraps to. */
function unwrap(ciphertextDek: Uint8Array): Buffer | undefined {
  return ciphertextDek[0] === 0x67 ? DEK : ciphertextDek[0] === 0x6f ? OTHER_DEK : undefined
}

const unused = (): Promise<never> => Promise.reject(new Error('only unwraps'))
const kms: Kms = {
  describe: () => Promise.resolve({ provider: 'fuzz', publicKeyWraps: false }),
  unwrapDek({ ciphertextDek }) {
    const dek = unwrap(ciphertextDek)
    return dek
      ? Promise.resolve(Uint8Array.from(dek))
      : Promise.reject(new EnvelopeError('CIPHERTEXT_DEK_INVALID', 'it is none'))
  },
  generateDek: unused,
  wrapDek: unused,
  verify: unused,
}

const encryption = createEncryption({
  dictionaries: { known: DICTIONARY },
  kms: { fuzz: kms },
  cmks: { all: CMKS.map(({ cmkId: id }) => ({ kms: 'fuzz' as const, id })) },
  topics: [LOOSE, STRICT].map(({ topic, keyBound, headers, context, maxDecompressedBytes }) => ({
    match: [topic],
    decrypt: {
      cmk: 'all' as const,
      maxDecompressedBytes,
      require: { bindKey: keyBound, bindHeaders: headers, context },
    },
  })),
})

interface Sealed {
  readonly value: Buffer
  readonly record: ReferenceRecord
}

/**
 * The input is a value, or describes one that the target seals (`layout.ts`). The opener answers what the reference
 * does; and a value that opens does not open after a change of an authenticated byte.
 */
export async function fuzz(input: Buffer): Promise<void> {
  const layout = readLayout(input)
  const rule = layout.flags & FLAGS.strict ? STRICT : LOOSE
  if (!(layout.flags & FLAGS.crafted)) {
    await check(rule, [{ value: input.subarray(1), record: { key: Buffer.from('key'), headers: [] } }])
    return
  }
  const { headerAt, bound, ...sealed } = craft(layout)
  if (!(layout.flags & FLAGS.changed)) {
    await check(rule, [sealed])
    return
  }
  const changed = change(sealed, headerAt, bound, layout.change)
  const [before, after] = await check(rule, [sealed, changed])
  ok(before === undefined || after === undefined, 'an authenticated byte was changed, and the record opens')
}

/** Opens them as one batch; what opened. */
async function check(rule: ReferenceRule, records: readonly Sealed[]): Promise<(Buffer | undefined)[]> {
  const results = await openRecords(
    await encryption,
    records.map(({ value, record }) => readRecord(rule.topic, value, record)),
  )
  return results.map(({ value, error }, i) => {
    const { value: sealed, record } = records[i] as Sealed
    const expected = referenceOpen(sealed, record, rule, unwrap)
    if (error === undefined) {
      if (!Buffer.isBuffer(value)) fail('an envelope opened as no value')
      ok(Buffer.isBuffer(expected) && expected.equals(value), 'it opens, and should not, or not so')
      return value
    }
    strictEqual(error.name, 'EnvelopeError')
    const { code } = error
    ok(!Buffer.isBuffer(expected), `${code}, and it should open`)
    ok(expected.includes(code), `${code} instead of ${expected.join(' or ')}`)
    return undefined
  })
}

function readRecord(topic: string, value: Buffer, { key, headers }: ReferenceRecord): ReadRecord {
  const byName = Object.create(null) as Record<string, (Buffer | null)[]>
  for (const [name, headerValue] of headers) (byName[name] ??= []).push(headerValue)
  return { topic, value, key, headers: byName }
}

type Bound = Pick<OracleHeader, 'keyBound' | 'boundHeaders'>

/** Seals what the layout describes under a tag that is right. */
function craft(layout: Layout): Sealed & { headerAt: number; bound: Bound } {
  const { flags, headers, wrappedDeks, iv, data } = layout
  const key = flags & FLAGS.keyNull ? null : layout.key
  const commitment = Buffer.from(COMMITMENT)
  if (flags & FLAGS.badCommitment) commitment.writeUInt8(commitment.readUInt8(0) ^ 1)
  const header = Buffer.concat([layout.headerStart, SESSION_ID, commitment])
  // If the header is malformed, no reader gets as far as the tag.
  const bound: Bound = headerOracle(header) ?? { keyBound: false, boundHeaders: [] }
  const record = { key, headers }
  const plain = flags & FLAGS.gzip ? gzipSync(data) : data
  const { tag, body } = referenceSeal(CONTENT_KEY, iv, referenceAad(header, bound, record), plain)
  const headerAt = PREFIX.length + wrappedDeks.length
  const parts = [
    PREFIX,
    wrappedDeks,
    LONG.toBuffer(header.length),
    header,
    iv,
    tag,
    LONG.toBuffer(body.length),
    body,
  ]
  return { value: Buffer.concat(parts), record, headerAt, bound }
}

/** Changes one byte of what is authenticated: header, IV, tag, body, and their lengths; key; bound header values. */
function change(
  { value, record }: Sealed,
  headerAt: number,
  { keyBound, boundHeaders }: Bound,
  { at, xor }: Layout['change'],
): Sealed {
  const changedValue = Buffer.from(value)
  const key = record.key === null ? null : Buffer.from(record.key)
  const headers = record.headers.map(([name, v]) => [name, v === null ? null : Buffer.from(v)] as const)
  const bound = headers.flatMap(([name, v]) => (v !== null && boundHeaders.includes(name) ? [v] : []))
  const parts = [changedValue.subarray(headerAt), ...(key !== null && keyBound ? [key] : []), ...bound]
  let rest = at % parts.reduce((sum, part) => sum + part.length, 0)
  for (const part of parts) {
    if (rest < part.length) {
      part.writeUInt8(part.readUInt8(rest) ^ xor, rest)
      break
    }
    rest -= part.length
  }
  return { value: changedValue, record: { key, headers } }
}
