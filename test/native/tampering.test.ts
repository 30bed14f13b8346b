import { describe, expect, it } from 'vitest'
import { createKey, numbers, openBoth, sealedByNode, type Packed } from './batch.js'

const KEY = Buffer.alloc(32, 2)
const RECORDS = Array.from({ length: 5 }, (_, i) => ({
  body: Buffer.alloc(37, 0x61 + i),
  aad: Buffer.from(`aad ${String(i)}`),
}))
const CHANGED = 2

/** Where each part of the record in the middle is: the buffer, and its bytes from and to. */
function parts({ data, aads, layout }: Packed): Record<string, [Buffer, number, number]> {
  const [ivAt, tagAt, bodyAt, bodyEnd, aadAt, aadEnd] = numbers(layout, CHANGED)
  return {
    IV: [data, ivAt, ivAt + 12],
    tag: [data, tagAt, tagAt + 16],
    body: [data, bodyAt, bodyEnd],
    AAD: [aads, aadAt, aadEnd],
  }
}

describe.each(['IV', 'tag', 'body', 'AAD'])('each bit of a record’s %s', (part) => {
  it('a record that changed in one bit does not open, and the others do', () => {
    const [, from = 0, to = 0] = parts(sealedByNode(KEY, 0, RECORDS))[part] ?? []
    expect(to).toBeGreaterThan(from)
    for (let bit = 8 * from; bit < 8 * to; bit++) {
      const batch = sealedByNode(KEY, 0, RECORDS)
      const [buffer = Buffer.alloc(0)] = parts(batch)[part] ?? []
      buffer[bit >> 3] = (buffer[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expectOthersToOpen(batch)
    }
  })
})

it('a record that was cut short, or extended by a part of its neighbour, does not open, and the others do', () => {
  for (const change of [-1, -37]) {
    const batch = sealedByNode(KEY, 0, RECORDS)
    batch.layout[6 * CHANGED + 3] = numbers(batch.layout, CHANGED)[3] + change
    expectOthersToOpen(batch)
  }
  const batch = sealedByNode(KEY, 0, RECORDS)
  batch.layout[6 * CHANGED + 4] = numbers(batch.layout, CHANGED)[4] - 1
  expectOthersToOpen(batch)
})

it('a batch of which no record opens gives zeros', () => {
  const batch = sealedByNode(KEY, 0, RECORDS)
  const { failed, opened, bodies } = openBoth(createKey(Buffer.alloc(32, 3)), batch)
  expect(failed).toBe(RECORDS.length)
  expect(opened).toEqual(RECORDS.map(() => 0))
  expect(bodies).toEqual(RECORDS.map((record) => Buffer.alloc(record.body.length)))
})

function expectOthersToOpen(batch: Packed): void {
  const { failed, opened, bodies } = openBoth(createKey(KEY), batch)
  expect(failed).toBe(1)
  expect(opened).toEqual(RECORDS.map((_, i) => (i === CHANGED ? 0 : 1)))
  const expected = RECORDS.map((record, i) =>
    i === CHANGED ? Buffer.alloc(bodies[i]?.length ?? 0) : record.body,
  )
  expect(bodies).toEqual(expected)
}
