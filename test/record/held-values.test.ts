import fc from 'fast-check'
import { expect, it } from 'vitest'
import { HeldValues } from '../../src/record/held-values.js'

const value = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes): Buffer | string => Buffer.from(bytes)),
  fc.nat(2 ** 21).map((length): Buffer | string => Buffer.alloc(length, length)),
  fc.string({ unit: 'binary' }),
)

it('held values come out in order, as they were when they were put in', () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 12 }), (values) => {
      const before = values.map((one) => (typeof one === 'string' ? one : Buffer.from(one)))
      const held = new HeldValues(values.length)
      for (const one of values) held.put(one)
      for (const one of values) if (typeof one !== 'string') one.fill(7)
      const taken = values.map(() => held.take())
      expect(
        taken.every((one, i) =>
          typeof one === 'string' ? one === before[i] : one.equals(before[i] as Buffer),
        ),
      ).toBe(true)
    }),
    { numRuns: 60 },
  )
})

it('many small held values share memory, in blocks of 1 MiB at most', () => {
  const held = new HeldValues(5000)
  for (let i = 0; i < 5000; i++) held.put(Buffer.alloc(1000, i))
  const memory = new Set(Array.from({ length: 5000 }, () => (held.take() as Buffer).buffer))
  expect(memory.size).toBeLessThan(20)
  for (const { byteLength } of memory) expect(byteLength).toBeLessThanOrEqual(2 ** 20)
})
