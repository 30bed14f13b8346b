import { expect, it } from 'vitest'
import type { Format, HeaderValues } from '../../src/envelope/format.js'
import { DEFAULT_FORMAT } from '../../src/envelope/formats.js'
import { AadAlone, Aads } from '../../src/record/aads.js'

const BASES = [Buffer.from('base of a session'), Buffer.from('that of another')]

/** The bytes that one record alone gets. */
function alone(base: Buffer, key?: string | null, headers: readonly HeaderValues[] = []): string {
  const bytes = Buffer.alloc(DEFAULT_FORMAT.aadBytes(base, key, headers))
  DEFAULT_FORMAT.writeAad(bytes, 0, base, key, headers)
  return bytes.toString('hex')
}

type Given = readonly [base: Buffer, key?: string | null | undefined, headers?: readonly HeaderValues[]]

it.each<[string, Given[]]>([
  ['the same base', [[BASES[0] as Buffer], [BASES[0] as Buffer]]],
  ['different bases', [[BASES[0] as Buffer], [BASES[1] as Buffer], [BASES[0] as Buffer]]],
  [
    'different bases of one length, with one key',
    [
      [BASES[0] as Buffer, 'key'],
      [Buffer.from('base of a Session'), 'key'],
      [BASES[0] as Buffer, 'key'],
    ],
  ],
  [
    'one length of base and key together, divided in different ways',
    [
      [Buffer.from('base'), 'key'],
      [Buffer.from('bases'), 'ke'],
      [Buffer.from('base'), 'key'],
    ],
  ],
  [
    'different keys of one length, and of others, with one base',
    ['one', 'two', 'three', 'three hundred', 'three', 'one', '', null, undefined, 'two'].map((key): Given => [
      BASES[0] as Buffer,
      key,
    ]),
  ],
  [
    'keys',
    [
      [BASES[0] as Buffer, 'one'],
      [BASES[0] as Buffer, null],
      [BASES[0] as Buffer, 'three'],
    ],
  ],
  [
    'a key between records without one',
    [[BASES[0] as Buffer], [BASES[0] as Buffer, 'key'], [BASES[0] as Buffer]],
  ],
  [
    'headers, but no keys',
    [
      [BASES[0] as Buffer, undefined, [['one']]],
      [BASES[0] as Buffer, undefined, [['two', null]]],
      [BASES[0] as Buffer],
      [BASES[0] as Buffer],
    ],
  ],
  ['many keys', Array.from({ length: 100 }, (_, n): Given => [BASES[0] as Buffer, String(n).repeat(n)])],
])('each record of a batch gets the authenticated data that it would get alone: %s', (_, records) => {
  const aads = new Aads()
  const places = records.map(([base, key, headers]) => {
    aads.add(DEFAULT_FORMAT, base, key, headers)
    return [aads.start, aads.end] as const
  })
  const expected = records.map(([base, key, headers]) => alone(base, key, headers))
  expect(places.map(([start, end]) => aads.bytes.toString('hex', start, end))).toEqual(expected)
  const single = new AadAlone()
  const one = records.map(([base, key, headers]) =>
    single.of(DEFAULT_FORMAT, base, key, headers).toString('hex'),
  )
  expect(one).toEqual(expected)
})

it('records that bind neither key nor headers share their authenticated data', () => {
  const aads = new Aads()
  for (let i = 0; i < 1000; i++) aads.add(DEFAULT_FORMAT, BASES[0] as Buffer, undefined)
  expect(aads.bytes.toString('hex')).toBe(alone(BASES[0] as Buffer))
})

it('authenticated data that is cleared makes room for that of the next records', () => {
  const aads = new Aads()
  const base = BASES[0] as Buffer
  for (const key of [undefined, undefined, 'key']) {
    aads.add(DEFAULT_FORMAT, BASES[1] as Buffer, 'longer than what follows')
    aads.clear()
    aads.add(DEFAULT_FORMAT, base, key)
    expect(aads.start).toBe(0)
    expect(aads.bytes.toString('hex', aads.start, aads.end)).toBe(alone(base, key))
    aads.clear()
  }
})

it('authenticated data that records shared is written again after it is cleared', () => {
  const aads = new Aads()
  const base = BASES[0] as Buffer
  for (let i = 0; i < 2; i++) {
    for (let n = 0; n < 2; n++) {
      aads.add(DEFAULT_FORMAT, base, undefined)
      expect(aads.bytes.toString('hex', aads.start, aads.end)).toBe(alone(base))
    }
    aads.clear()
  }
})

it('the authenticated data of a single record takes no more memory than it needs', () => {
  const aads = new Aads()
  aads.add(DEFAULT_FORMAT, BASES[0] as Buffer, 'key')
  expect(aads.bytes).toHaveLength(aads.end)
})

it('a key that changes while it is read is refused', () => {
  const shrinking: Format = {
    ...DEFAULT_FORMAT,
    aadBytes: (...given) => DEFAULT_FORMAT.aadBytes(...given) + 1,
  }
  const refused = expect.objectContaining({
    code: 'INVALID_RECORD',
    message: expect.stringContaining('a key or header changed while it was being read') as string,
  }) as Error
  expect(() => {
    new Aads().add(shrinking, BASES[0] as Buffer, 'key')
  }).toThrow(refused)
  expect(() => new AadAlone().of(shrinking, BASES[0] as Buffer, 'key')).toThrow(refused)
})
