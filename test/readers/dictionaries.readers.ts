import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ENGINES, onEngine, type EngineName } from '../../bench/parts/engines.js'
import { java, python } from '../../scripts/readers/commands.js'
import type { DekVector } from '../../scripts/vectors/dek-vectors.js'
import { tryVectors } from '../../scripts/vectors/try-vectors.js'
import { chooseEngine } from '../../src/crypto/choose-engine.js'
import type { Kms } from '../../src/index.js'
import { sealRecords } from '../../src/record/index.js'
import { casesOf, type Case } from './cases.js'

/** Values of each kind with each dictionary. */
const PER_KIND = 50
/** The first values are orders; writers that use all levels of zlib compress this one most. */
const COMPRESSED_BEST = 9
const cases = casesOf(PER_KIND)
const count = cases.reduce((sum, { values }) => sum + values.length, 0)

/** Writes the values of the cases, sealed, as a file of vectors. */
const WRITERS: Readonly<Record<string, (cases: string, out: string) => Promise<unknown>>> = {
  ...ofEngines((engine) => async (_, out: string) => {
    const vectors: DekVector[] = []
    for (const one of cases) vectors.push(...(await sealed(engine, one)))
    await writeFile(out, JSON.stringify(vectors))
  }),
  Python: (cases, out) => python('vectors.written', cases, out),
  Java: (cases, out) => java('written', cases, out),
}

/** What a reader says of a file of vectors: a line for each disagreement, and how many vectors there were. */
const READERS: Readonly<Record<string, (file: string) => Promise<string>>> = {
  ...ofEngines((engine) => async (file: string) => {
    const { count, lines } = await tryVectors(file, await chooseEngine(engine))
    return [...lines, summary(count, lines.length)].join('\n')
  }),
  Python: (file) => python('kafka_envelope_reader.cli', '--vectors', file),
  Java: (file) => java('vectors', file),
}

/** By the name under which a writer or reader is tried: Node.js once for each engine. */
function ofEngines<T>(of: (engine: EngineName) => T): Record<string, T> {
  return Object.fromEntries(ENGINES.map((engine) => [`Node.js (${engine})`, of(engine)]))
}

let folder: string
const fileOf = (writer: string): string => join(folder, `${writer}.json`)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-readers-'))
  const file = join(folder, 'cases.json')
  const hexed = cases.map(({ name, dictionary, values }) => ({
    name,
    dictionary: dictionary.toString('hex'),
    plaintexts: values.map((value) => value.toString('hex')),
  }))
  await writeFile(file, JSON.stringify(hexed))
  for (const [writer, write] of Object.entries(WRITERS)) await write(file, fileOf(writer))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it('the cases have the smallest dictionary, the largest, and one of the tool that is almost as large', () => {
  const [one, largest, trained] = cases.map(({ dictionary }) => dictionary.length)
  expect([one, largest]).toEqual([1, 32_768])
  expect(trained).toBeGreaterThan(32_000)
  expect(count * Object.keys(WRITERS).length * Object.keys(READERS).length).toBeGreaterThan(5000)
})

describe.each(Object.keys(WRITERS))('values that %s compressed', (writer) => {
  it(`an order that ${writer} compressed takes less space with the dictionary of the tool`, async () => {
    const vectors = JSON.parse(await readFile(fileOf(writer), 'utf8')) as DekVector[]
    const bytes = (name: string): number =>
      vectors.find((vector) => vector.name === `${name}/${String(COMPRESSED_BEST)}`)?.envelope.length ?? 0
    expect(bytes('of the tool')).toBeGreaterThan(0)
    expect(bytes('of the tool')).toBeLessThan(0.7 * bytes('1 byte'))
  })

  it.each(Object.entries(READERS))(`values that ${writer} compressed open in %s`, async (_, read) => {
    expect((await read(fileOf(writer))).trimEnd()).toBe(summary(count, 0))
  })
})

function summary(vectors: number, disagreements: number): string {
  return `${String(vectors)} vectors, ${String(disagreements)} disagreements`
}

/** As applications seal, under a DEK that the vectors name. */
async function sealed(engine: EngineName, { name, dictionary, values }: Case): Promise<DekVector[]> {
  const dek = randomBytes(32)
  const { encryption } = await onEngine(engine, {
    kms: { known: knownDek(dek) },
    cmks: { main: [{ kms: 'known', id: 'main' }] },
    dictionaries: { own: { base64: dictionary.toString('base64') } },
    topics: [{ match: ['orders'], encrypt: { cmk: 'main', compression: { dictionary: 'own' } } }],
  })
  const records = await sealRecords(
    encryption,
    values.map((value, i) => ({ topic: 'orders', key: `order-${String(i)}`, value })),
  )
  await encryption.close()
  return records.map(({ key, value }, i) => ({
    name: `${name}/${String(i)}`,
    dek: dek.toString('hex'),
    dictionaries: [dictionary.toString('hex')],
    topic: 'orders',
    key: Buffer.from(key).toString('hex'),
    headers: [],
    envelope: (value as Buffer).toString('hex'),
    plaintext: values[i]?.toString('hex') ?? null,
    error: null,
  }))
}

function knownDek(dek: Buffer): Kms {
  const ciphertextDek = Uint8Array.of(1)
  return {
    describe: () => Promise.resolve({ provider: 'known', publicKeyWraps: false }),
    generateDek: () => Promise.resolve({ dek: Uint8Array.from(dek), ciphertextDek }),
    wrapDek: () => Promise.resolve(ciphertextDek),
    unwrapDek: () => Promise.resolve(Uint8Array.from(dek)),
    verify: () => Promise.resolve(),
  }
}
