import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePreamble } from '../../src/envelope/formats.js'
import { errorCodes, type ErrorCode } from '../../src/errors.js'
import type { TopicRule, EncryptedTopicRule } from '../../src/index.js'
import { openRecords, sealRecords, type OpenedRecord, type ReadRecord } from '../../src/record/index.js'
import { CANARY, emitted } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'
import { DICTIONARIES, asRead, cmkIds, encryptRule, plain, ruleOf, type Plain } from './records.js'

type Sealed = ReadRecord & { readonly value: Buffer; readonly headers: Record<string, HeaderValues> }
type HeaderValues = Buffer | null | readonly (Buffer | null)[]

/** A place and some bytes; each change uses as much of them as it needs. */
interface Random {
  readonly at: number
  readonly xor: number
  readonly bytes: Buffer
}

const random: fc.Arbitrary<Random> = fc.record({
  at: fc.nat(),
  xor: fc.integer({ min: 1, max: 255 }),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
})

/** Another byte, more bytes, or fewer bytes, at or after `from`. */
const EDITS: readonly ((bytes: Buffer, from: number, random: Random) => Buffer)[] = [
  (bytes, from, { at, xor }) => {
    const changed = Buffer.from(bytes)
    const place = from + (at % (bytes.length - from))
    changed.writeUInt8(changed.readUInt8(place) ^ xor, place)
    return changed
  },
  (bytes, from, { at, bytes: more }) => {
    const place = from + (at % (bytes.length - from + 1))
    return Buffer.concat([bytes.subarray(0, place), more, bytes.subarray(place)])
  },
  (bytes, from, { at, xor }) => {
    const place = from + (at % (bytes.length - from))
    return Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + xor)])
  },
  (bytes, from, { at, bytes: other }) => {
    const place = from + (at % (bytes.length - from))
    return Buffer.concat([bytes.subarray(0, place), other, bytes.subarray(place + other.length)])
  },
]

/** Where a value begins to be authenticated: at the length of its header. */
function headerAt(value: Buffer): number {
  const { bytes, headerBytes } = decodePreamble(value)
  return bytes.length - headerBytes.length - (headerBytes.length < 64 ? 1 : 2)
}

/** Lists of values that are not the same as far as Kafka is concerned. */
function otherValues(given: HeaderValues | undefined, { bytes }: Random): HeaderValues[] {
  const values = listed(given)
  const same = (other: readonly (Buffer | null)[]): boolean =>
    other.length === values.length &&
    other.every((v, i) => (v === null ? values[i] === null : values[i]?.equals(v) === true))
  return [
    [],
    [null],
    [Buffer.alloc(0)],
    [...values, null],
    [...values, bytes],
    [...values].reverse(),
    values.slice(1),
    values.map((v) => v && Buffer.concat([v, bytes])),
    [Buffer.concat(values.map((v) => v ?? Buffer.alloc(0)))],
  ].filter((other) => !same(other))
}

function listed(given: HeaderValues | undefined): readonly (Buffer | null)[] {
  if (given === undefined) return []
  return given === null || Buffer.isBuffer(given) ? [given] : given
}

/** Every way to change an authenticated part of a record, each as another record. */
function tampered(sealed: Sealed, { encrypt }: EncryptedTopicRule<string, string>, chance: Random): Sealed[] {
  const from = headerAt(sealed.value)
  const ofValue = EDITS.map((edit) => edit(sealed.value, from, chance)).filter(
    (value) => !value.equals(sealed.value),
  )
  const cut = sealed.value.subarray(0, from + (chance.at % (sealed.value.length - from)))
  const key = (sealed.key ?? null) as Buffer | null
  const keys = [
    null,
    Buffer.alloc(0),
    Buffer.concat([key ?? Buffer.alloc(0), chance.bytes]),
    key?.subarray(1) ?? chance.bytes,
  ]
  const bound = [...(encrypt.bindHeaders ?? [])].sort((a, b) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  )
  return [
    ...[...ofValue, cut].map((value) => ({ ...sealed, value })),
    ...(encrypt.bindKey === false ? [] : keys)
      .filter((other) => (other === null || key === null ? other !== key : !other.equals(key)))
      .map((other) => ({ ...sealed, key: other })),
    ...bound.slice(1).flatMap((name, i) => valueMoved(sealed, bound[i] ?? '', name)),
    ...bound.flatMap((name) =>
      otherValues(valuesOf(sealed, name), chance).map((values) => ({
        ...sealed,
        headers: withHeader(sealed, name, values),
      })),
    ),
  ]
}

/** Moves the last value of a header to the front of the next one: the sequence of values stays the same. */
function valueMoved(sealed: Sealed, from: string, to: string): Sealed[] {
  const values = listed(valuesOf(sealed, from))
  const [last] = values.slice(-1)
  if (last === undefined) return []
  const without = { ...sealed, headers: withHeader(sealed, from, values.slice(0, -1)) }
  return [{ ...without, headers: withHeader(without, to, [last, ...listed(valuesOf(sealed, to))]) }]
}

function valuesOf({ headers }: Sealed, name: string): HeaderValues | undefined {
  return Object.hasOwn(headers, name) ? headers[name] : undefined
}

function withHeader({ headers }: Sealed, name: string, values: HeaderValues): Record<string, HeaderValues> {
  return Object.assign(Object.create(null), headers, { [name]: values }) as Record<string, HeaderValues>
}

async function owner(rule: TopicRule<string, string>, ids: readonly string[] = ['one', 'two']) {
  const made = await memoryEncryption([rule], {
    dictionaries: DICTIONARIES,
    cmks: { main: ids.map((id) => ({ kms: 'memory', id })) },
  })
  const seal = async (records: readonly Plain[]): Promise<Sealed[]> => {
    const sealed = await sealRecords(made.encryption, records)
    return sealed.map(({ value }, i) => asRead(records[i] as Plain, value) as Sealed)
  }
  const open = async (records: readonly ReadRecord[]): Promise<OpenedRecord[]> => {
    const opened = await openRecords(made.encryption, records)
    for (const { error } of opened) if (error !== undefined) emitted('error', error)
    return opened
  }
  return { ...made, seal, open }
}

const DOCUMENTED = new Set<ErrorCode>(errorCodes())
const record = { topic: 't.a', key: 'k', headers: { a: ['1', null], other: 'x' }, value: CANARY }
const bitRule = ruleOf({ bindHeaders: ['a', 'b'], context: { env: 'prod' }, compression: 'gzip' })

describe('no change of an authenticated byte opens', () => {
  it('no change of header, IV, tag, body, bound key or bound headers opens, under all rules', async () => {
    let tried = 0
    await fc.assert(
      fc.asyncProperty(encryptRule, cmkIds, plain, random, async (encrypt, ids, given, chance) => {
        const rule = ruleOf(encrypt)
        const { encryption, seal, open } = await owner(rule, ids)
        const [sealed] = await seal([given])
        if (sealed === undefined) throw new Error('nothing was sealed')
        const changed = tampered(sealed, rule, chance)
        const [untouched, ...opened] = await open([sealed, ...changed])
        expect(untouched?.value?.equals(Buffer.from(given.value as string))).toBe(true)
        for (const { value, error } of opened) {
          expect(value).toBeUndefined()
          expect(DOCUMENTED).toContain(error?.code)
          expect(error?.kind).toMatch(/^(invalid|unreadable)$/)
        }
        tried += changed.length
        await encryption.close()
      }),
      { numRuns: 100 },
    )
    expect(tried).toBeGreaterThan(1000)
  })

  it('values of two records cannot be swapped if topic, key or bound headers of the records differ', async () => {
    const pair = fc
      .tuple(plain, plain, fc.boolean())
      .map(([one, two, alike]) => [one, alike ? { ...one, value: two.value } : two] as const)
    const outcomes = { moved: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(encryptRule, pair, async (encrypt, records) => {
        const { encryption, seal, open } = await owner(ruleOf(encrypt))
        const [a, b] = (await seal(records)) as [Sealed, Sealed]
        const swapped = await open([
          { ...a, value: b.value },
          { ...b, value: a.value },
        ])
        const bound = (sealed: Sealed): string =>
          JSON.stringify([
            sealed.topic,
            encrypt.bindKey === false ? '' : sealed.key,
            encrypt.bindHeaders?.map((name) => listed(valuesOf(sealed, name))),
          ])
        const alike = bound(a) === bound(b)
        const expected = records.map(({ value }) =>
          alike ? Buffer.from(value as string).toString('latin1') : undefined,
        )
        expect(swapped.map(({ value }) => value?.toString('latin1'))).toEqual(expected.reverse())
        outcomes[alike ? 'moved' : 'refused']++
        await encryption.close()
      }),
      { numRuns: 100 },
    )
    expect(Math.min(outcomes.moved, outcomes.refused)).toBeGreaterThan(15)
  })

  it.each([
    { ids: ['one'], more: ['NO_CANDIDATE', 'UNWRAP_FAILED'] },
    { ids: ['one', 'two'], more: [] },
  ])(
    'each changed bit of an envelope wrapped under $ids gives one documented code, and a call only if needed',
    async ({ ids, more }) => {
      const { kms, seal, open } = await owner(bitRule, ids)
      const [sealed] = (await seal([record])) as [Sealed]
      // From here on the DEK is cached.
      expect((await open([sealed]))[0]?.value?.toString()).toBe(CANARY)
      const authenticatedFrom = headerAt(sealed.value)
      const codes = new Set<string>()
      let opening = 0
      for (let at = 0; at < sealed.value.length; at++) {
        for (let bit = 1; bit < 256; bit *= 2) {
          const changed = Buffer.from(sealed.value)
          changed.writeUInt8(changed.readUInt8(at) ^ bit, at)
          const calls = kms.calls.length
          const [opened] = await open([{ ...sealed, value: changed }])
          if (opened?.error === undefined) {
            // Of the wrappings one is enough.
            expect(opened?.value?.toString()).toBe(CANARY)
            expect(at).toBeGreaterThanOrEqual(10)
            expect(at).toBeLessThan(authenticatedFrom)
            opening++
            continue
          }
          const { code, kind } = opened.error
          codes.add(code)
          expect(kind).toMatch(/^(invalid|unreadable)$/)
          // A fault that the bytes alone show costs no call.
          if (!['UNWRAP_FAILED', 'COMMITMENT_MISMATCH'].includes(code))
            expect([at, code, kms.calls.length]).toEqual([at, code, calls])
        }
      }
      expect(opening > 20).toBe(ids.length > 1)
      const expected = [
        'AUTHENTICATION_FAILED',
        'COMMITMENT_MISMATCH',
        'MALFORMED',
        'NOT_SEALED',
        'REQUIREMENT_UNMET',
        'UNKNOWN_COMPRESSION',
        'UNKNOWN_FORMAT',
        'UNKNOWN_SUITE',
        'WRONG_TOPIC',
        ...more,
      ]
      expect([...codes].sort()).toEqual(expected.sort())
    },
  )

  it('parts of two envelopes cannot be combined', async () => {
    const { seal, open } = await owner(bitRule)
    const [one, two] = (await seal([record, { ...record, value: `${CANARY}!` }])) as [Sealed, Sealed]
    const cuts = Array.from({ length: one.value.length }, (_, at) => at)
    const mixed = cuts.map((at) => ({
      ...one,
      value: Buffer.concat([one.value.subarray(0, at), two.value.subarray(at)]),
    }))
    for (const [at, { value }] of (await open(mixed)).entries()) {
      // Up to the IV's counter the preambles are the same.
      const whole = mixed[at]?.value.equals(two.value) === true ? `${CANARY}!` : undefined
      expect(value?.toString()).toBe(whole)
    }
  })
})

describe('a change of an unauthenticated part', () => {
  it('a change of an unauthenticated part opens to the same plaintext, or fails; never to another', async () => {
    const outcomes = { same: 0, failed: 0 }
    await fc.assert(
      fc.asyncProperty(encryptRule, cmkIds, plain, random, async (encrypt, ids, given, chance) => {
        const { encryption, seal, open } = await owner(ruleOf(encrypt), ids)
        const [sealed] = (await seal([given])) as [Sealed]
        const from = headerAt(sealed.value)
        const [prefix, wrappings, rest] = [[0, 10], [10, from], [from]].map(([a, b]) =>
          sealed.value.subarray(a, b),
        ) as [Buffer, Buffer, Buffer]
        const changed = [
          ...EDITS.map((edit) => ({
            ...sealed,
            value: Buffer.concat([prefix, edit(wrappings, 0, chance), rest]),
          })),
          { ...sealed, headers: withHeader(sealed, 'not bound', chance.bytes) },
          ...(encrypt.bindKey === false ? [{ ...sealed, key: chance.bytes }] : []),
        ]
        const expected = Buffer.from(given.value as string)
        for (const [i, { value, error }] of (await open(changed)).entries()) {
          // Only the wrappings can make it fail.
          if (error === undefined || i >= EDITS.length) expect(value?.equals(expected)).toBe(true)
          else expect(DOCUMENTED).toContain(error.code)
          outcomes[error === undefined ? 'same' : 'failed']++
        }
        await encryption.close()
      }),
      { numRuns: 100 },
    )
    expect(Math.min(outcomes.same, outcomes.failed)).toBeGreaterThan(100)
  })
})
