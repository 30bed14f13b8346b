/**
 * Child process of a test: what opening adversarial batches costs, as JSON. On its own, because it counts with
 * V8's coverage, which the test runner may use too.
 */
import { EnvelopeError } from '../../src/errors.js'
import { createEncryption, type Kms } from '../../src/index.js'
import { openRecords, type ReadRecord } from '../../src/record/index.js'
import { DEK, DICTIONARY, FAMILIES, MAX_DECOMPRESSED_BYTES, SIZES, type Family } from './adversarial.js'
import { measured, type Cost } from './measured.js'

/** One batch. */
export interface Measurement extends Cost {
  readonly records: number
  /** Of values, keys and headers; a header counts as two bytes and its name at least. */
  readonly bytes: number
  readonly kmsCalls: number
  /** How the records ended: `opens` or a code. */
  readonly ends: readonly string[]
  /** Bytes that the opened values keep alive, beyond their own. */
  readonly slack: number
  /** Bytes of the opened values. */
  readonly opened: number
  /** Bytes on the heap and in buffers that stay when the values are gone. */
  readonly kept: number
}

let kmsCalls = 0
const unused = (): Promise<never> => Promise.reject(new Error('only unwraps'))
const kms: Kms = {
  describe: () => Promise.resolve({ provider: 'cost', publicKeyWraps: false }),
  unwrapDek: ({ ciphertextDek }) => {
    kmsCalls++
    return ciphertextDek[0] === 1
      ? Promise.resolve(Uint8Array.from(DEK))
      : Promise.reject(new EnvelopeError('CIPHERTEXT_DEK_INVALID', 'it is none'))
  },
  generateDek: unused,
  wrapDek: unused,
  verify: unused,
}

/**
 * A batch may use the memory of the batch before again, and would then ask for none. After one as large as this there is
 * none: its authenticated data is not kept.
 */
const LARGE = (FAMILIES['one bound header with many values'] as Family).batch(2048)

async function measure(batch: readonly ReadRecord[]): Promise<Measurement> {
  const encryption = await createEncryption({
    // Counts the calls, and does not limit them.
    kmsRateLimit: { opening: { perSecond: 10_000, burst: 100_000 } },
    kms: { cost: kms },
    cmks: { all: [...'abcde'].map((id) => ({ kms: 'cost' as const, id })) },
    dictionaries: { known: DICTIONARY },
    topics: [
      {
        match: ['t'],
        decrypt: { cmk: 'all', require: { bindKey: true }, maxDecompressedBytes: MAX_DECOMPRESSED_BYTES },
      },
    ],
  })
  await openRecords(encryption, LARGE)
  kmsCalls = 0
  const before = await inUse()
  const { cost, result } = await measured(() => openRecords(encryption, batch))
  const values = result.flatMap(({ value }) => value ?? [])
  const measurement = {
    ...cost,
    records: batch.length,
    bytes: batch.reduce((sum, record) => sum + bytesOf(record), 0),
    kmsCalls,
    ends: [...new Set(result.map(({ error }) => error?.code ?? 'opens'))],
    slack: values.reduce((sum, value) => sum + value.buffer.byteLength - value.length, 0),
    opened: values.reduce((sum, value) => sum + value.length, 0),
  }
  values.length = result.length = 0
  const kept = (await inUse()) - before
  await encryption.close()
  return { ...measurement, kept }
}

/** Needs --expose-gc. Buffers go a turn after the objects that held them. */
async function inUse(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    global.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function bytesOf({ value, key, headers }: ReadRecord): number {
  const ofHeaders = Object.entries(headers ?? {}).flatMap(([name, values]) =>
    (values as readonly (Buffer | null)[]).map((header) => 2 + name.length + (header?.length ?? 0)),
  )
  return (
    (value?.length ?? 0) + ((key as Buffer | null)?.length ?? 0) + ofHeaders.reduce((sum, n) => sum + n, 0)
  )
}

// Code that is compiled or set up on first use is not a cost of the input.
for (const { batch } of Object.values(FAMILIES)) await measure(batch(1))
const families: Record<string, Measurement[]> = {}
for (const [name, { batch }] of Object.entries(FAMILIES)) {
  families[name] = []
  for (const n of SIZES) families[name].push(await measure(batch(n)))
}
console.log(JSON.stringify(families))
