import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { openDekVector, type DekVector } from '../../scripts/vectors/dek-vectors.js'
import { parseVectors } from '../../scripts/vectors/try-vectors.js'
import { nativeEngine } from '../../src/crypto/native-engine.js'
import { addon } from './batch.js'

const file = new URL('../vectors/v1.json', import.meta.url)
const vectors = parseVectors(readFileSync(file, 'utf8')) as DekVector[]

it('the native engine opens each test vector, or fails, as the vector says', async () => {
  const engine = nativeEngine(addon)
  expect(vectors.some(({ dictionaries }) => dictionaries.length > 0)).toBe(true)
  for (const vector of vectors) {
    const expected = await openDekVector(vector)
    expect(await openDekVector(vector, engine), vector.name).toEqual(expected)
  }
})
