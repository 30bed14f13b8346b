import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { nodeEngine } from '../../src/crypto/engine.js'
import { decodeHead } from '../../src/envelope/envelope.js'
import { EventHub } from '../../src/events.js'
import { systemClock } from '../../src/keys/clock.js'
import { OpeningKeys } from '../../src/keys/opening-keys.js'
import { Cmk } from '../../src/kms/cmk.js'
import type { Kms } from '../../src/kms/kms.js'
import { checkConfig } from '../../src/policy/check.js'
import { Opener } from '../../src/record/opener.js'
import type { RecordHeaders } from '../../src/record/record.js'
import { RuleBook } from '../../src/record/rules.js'

const hex = v.pipe(v.string(), v.toLowerCase(), v.regex(/^([0-9a-f]{2})*$/))

/** Test vectors as `docs/format.md` describes them. */
const vectorFile = v.array(
  v.object({
    name: v.string(),
    dek: hex,
    topic: v.string(),
    key: v.nullable(hex),
    headers: v.array(v.tuple([v.string(), v.nullable(hex)])),
    envelope: hex,
    plaintext: v.nullable(hex),
    error: v.nullable(v.string()),
  }),
)

export type Vector = v.InferOutput<typeof vectorFile>[number]

/** @throws ValiError where the text is not a file of vectors */
export function parseVectors(text: string): Vector[] {
  return v.parse(vectorFile, JSON.parse(text))
}

/** What came of a file: a line for each disagreement, or one that says why the file cannot be read. */
export interface Tried {
  readonly readable: boolean
  readonly count: number
  readonly lines: readonly string[]
}

export async function tryVectors(file: string): Promise<Tried> {
  let vectors: Vector[]
  try {
    vectors = parseVectors(await readFile(file, 'utf8'))
  } catch (error) {
    return { readable: false, count: 0, lines: [`${file}: cannot be read: ${said(error)}`] }
  }
  const lines: string[] = []
  for (const vector of vectors) {
    const expected = vector.error ?? 'to open'
    try {
      const got = await openVector(vector)
      if (got.plaintext === vector.plaintext && got.error === vector.error) continue
      const instead = got.error ?? (vector.error === null ? 'another plaintext' : 'a plaintext')
      lines.push(`${file}: ${vector.name}: expected ${expected}, got ${instead}`)
    } catch (error) {
      lines.push(`${file}: ${vector.name}: expected ${expected}, but the opener threw: ${said(error)}`)
    }
  }
  return { readable: true, count: vectors.length, lines }
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** What the library's opener makes of a vector: a plaintext in hex, or a code. */
export async function openVector(
  vector: Vector,
): Promise<{ plaintext: string | null; error: string | null }> {
  const value = Buffer.from(vector.envelope, 'hex')
  const opener = new Opener(
    new RuleBook([
      {
        name: 'vectors',
        match: [vector.topic],
        passthrough: false,
        sealing: undefined,
        reading: {
          name: 'vectors',
          read: readRule(),
          cmks: await everyWrapping(value, Buffer.from(vector.dek, 'hex')),
        },
      },
    ]),
    new OpeningKeys({ maxDeks: 10, ttlMs: 60_000 }, systemClock, new EventHub()),
    nodeEngine,
    new EventHub(),
  )
  const key = vector.key === null ? null : Buffer.from(vector.key, 'hex')
  const [opened] = await opener.open({ topic: vector.topic }, [{ value, key, headers: headersOf(vector) }])
  return opened?.error === undefined
    ? { plaintext: opened?.value?.toString('hex') ?? null, error: null }
    : { plaintext: null, error: opened.error.code }
}

/** Nothing is required but the topic; values of up to 1 MiB. */
function readRule() {
  const { rules } = checkConfig({
    kms: { none: stubKms('none', Buffer.alloc(32)) },
    cmks: { any: [{ kms: 'none', id: 'none' }] },
    topics: [
      { match: ['t'], read: { cmk: 'any', require: { keyBound: false }, maxDecompressedBytes: '1MiB' } },
    ],
  })
  const read = rules[0]?.read
  if (read === undefined) throw new Error('the rule has a read half')
  return { ...read, acceptPublicKeySealing: true }
}

/** A CMK for each wrapping, all of which hold the vector's DEK. */
async function everyWrapping(value: Buffer, dek: Buffer): Promise<Cmk[]> {
  try {
    const { wrappedDeks } = decodeHead(value)
    const { signal } = new AbortController()
    return await Promise.all(
      wrappedDeks.map(({ provider, cmkId }) => Cmk.describe(provider, stubKms(provider, dek), cmkId, signal)),
    )
  } catch {
    // Not parsed, so nothing will be unwrapped either; the opener says why.
    return []
  }
}

function stubKms(provider: string, dek: Buffer): Kms {
  const unused = (): Promise<never> => Promise.reject(new Error('vectors only unwrap'))
  return {
    describe: () => Promise.resolve({ provider, publicKeyWraps: false }),
    unwrapDek: () => Promise.resolve(Uint8Array.from(dek)),
    generateDek: unused,
    wrapDek: unused,
    verify: unused,
  }
}

function headersOf({ headers }: Vector): RecordHeaders {
  const byName = Object.create(null) as Record<string, (Buffer | null)[]>
  for (const [name, value] of headers) {
    ;(byName[name] ??= []).push(value === null ? null : Buffer.from(value, 'hex'))
  }
  return byName
}
