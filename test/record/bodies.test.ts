import { expect, it } from 'vitest'
import { Dek } from '../../src/crypto/dek.js'
import { nodeEngine, type Engine } from '../../src/crypto/engine.js'
import { DEFAULT_SUITE } from '../../src/crypto/suites.js'
import { DEFAULT_FORMAT } from '../../src/envelope/formats.js'
import { Bodies } from '../../src/record/bodies.js'
import type { AcceptedPreamble } from '../../src/record/preamble-judge.js'
import { aadOf } from '../support/engine.js'

const KEY = Dek.take(new Uint8Array(32).fill(3)).contentKey(DEFAULT_SUITE, Buffer.alloc(16, 1))
const IV_AT = 20
const BODY_AT = IV_AT + 28

/** Gives, in place of plaintexts, what an engine would authenticate, and where it would find the parts. */
const engine: Engine = {
  ...nodeEngine,
  openMany: (_, { sources, aads, places }) =>
    sources.map((_source, i) => {
      const [ivAt, tagAt, bodyAt, , start, end] = places.subarray(7 * i)
      expect([ivAt, tagAt, bodyAt]).toEqual([IV_AT, IV_AT + 12, BODY_AT])
      if (i === 0) expect(start).toBe(0)
      // An engine may change them.
      places.fill(9, 7 * i, 7 * i + 7)
      return Buffer.from(aads.subarray(start, end))
    }),
}

/** A batch of records that bind keys under a base, and what to expect of it. */
function batchOf(base: string, keys: readonly string[]) {
  const aad = Buffer.from(base)
  const preamble = {
    format: DEFAULT_FORMAT,
    bytes: Buffer.alloc(IV_AT),
    aad,
    keyBound: true,
    boundHeaders: [],
  }
  const accepted = preamble as unknown as AcceptedPreamble
  const bodies = new Bodies(accepted)
  const value = Buffer.alloc(BODY_AT + 5)
  return {
    bodies,
    add: (key: string) => {
      bodies.add({ key }, value, BODY_AT)
    },
    expected: keys.map((key) => aadOf(aad, key, [])),
  }
}

const MANY = Array.from({ length: 300 }, (_, i) => `key ${String(i)}`)
const FEW = ['another key', 'one more']

it('bodies of one batch after the other are opened with what each record binds', () => {
  for (const keys of [FEW, MANY, FEW, [], FEW]) {
    const { bodies, add, expected } = batchOf('base', keys)
    keys.forEach(add)
    expect(bodies.open(engine, KEY)).toEqual(expected)
  }
})

it('batches that are collected at the same time share no memory', () => {
  batchOf('before', FEW).bodies.open(engine, KEY)
  const [one, other] = [batchOf('base of one', MANY), batchOf('of the other', FEW)]
  one.add(MANY[0] as string)
  FEW.forEach(other.add)
  for (const key of MANY.slice(1)) one.add(key)
  expect(other.bodies.open(engine, KEY)).toEqual(other.expected)
  const third = batchOf('a third', FEW)
  third.add(FEW[0] as string)
  expect(one.bodies.open(engine, KEY)).toEqual(one.expected)
  third.add(FEW[1] as string)
  expect(third.bodies.open(engine, KEY)).toEqual(third.expected)
})

it('a batch whose opening fails leaves nothing to the next one', () => {
  const failing = batchOf('base', FEW)
  FEW.forEach(failing.add)
  const openMany = (): never => {
    throw new Error('expected')
  }
  expect(() => failing.bodies.open({ ...engine, openMany }, KEY)).toThrow('expected')
  const next = batchOf('base', MANY)
  MANY.forEach(next.add)
  expect(next.bodies.open(engine, KEY)).toEqual(next.expected)
})

it('a large batch leaves no memory to the next ones', () => {
  let bytes = 0
  const watching: Engine = {
    ...engine,
    openMany: (key, batch) => {
      bytes = batch.aads.length + batch.places.byteLength
      return engine.openMany(key, batch)
    },
  }
  for (const keys of [['x'.repeat(2 ** 18)], Array.from({ length: 10_000 }, () => ''), FEW]) {
    const { bodies, add } = batchOf('base', keys)
    keys.forEach(add)
    bodies.open(watching, KEY)
    if (keys !== FEW) expect(bytes).toBeGreaterThan(2 ** 18)
  }
  expect(bytes).toBeLessThan(2 ** 10)
})
