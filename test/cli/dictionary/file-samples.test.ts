import { writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { sampleOf } from '../../../src/cli/dictionary/sample.js'
import { readSamples } from '../../../src/cli/dictionary/file-samples.js'
import { PREFIX } from '../../../src/envelope/v1/prefix.js'
import { temporaryFolder, type TemporaryFolder } from '../../kms/local/temporary-folder.js'

let folder: TemporaryFolder
beforeEach(async () => {
  folder = await temporaryFolder()
})
afterEach(() => folder.remove())

it('an object on several lines of JSON lines is refused, without its content', async () => {
  const file = folder.at('pretty.jsonl')
  await writeFile(file, JSON.stringify({ name: 'Ms Zyx' }, undefined, 2))
  await expect(readSamples([file])).rejects.toThrow(new Error(`${file}, line 1: not JSON`))
  await writeFile(file, '{}\n\nMs Zyx\n')
  await expect(readSamples([file])).rejects.toThrow(new Error(`${file}, line 3: not JSON`))
})

it('samples that are equal in the field of --group-by are one group, and so are those without it', () => {
  const groupOf = (json: unknown, path: string): string | undefined =>
    sampleOf(Buffer.from(JSON.stringify(json)), { place: 'here', key: Buffer.from('key') }, path).group
  expect(groupOf({ customer: { id: 'a' } }, 'customer.id')).toBe('a')
  expect(groupOf({ customer: { id: 7 } }, 'customer.id')).toBe('7')
  expect(groupOf({ customer: { id: ['a'] } }, 'customer.id')).toBe('["a"]')
  for (const json of [
    {},
    { customer: null },
    { customer: 'id' },
    { customer: { id: null } },
    ['id'],
    'id',
    1,
  ]) {
    expect(groupOf(json, 'customer.id')).toBe('null')
    expect(groupOf(json, '__proto__')).toBe('null')
  }
  expect(() => sampleOf(Buffer.from('Ms Zyx'), { place: 'here' }, 'id')).toThrow(new Error('here: not JSON'))
})

it('without --group-by, samples are grouped by the keys of their records', () => {
  const groupOf = (key: Buffer | null): string | undefined =>
    sampleOf(Buffer.from('{}'), { place: 'here', key }, undefined).group
  expect(groupOf(Buffer.from('a'))).toBe('a')
  expect(groupOf(Buffer.alloc(0))).toBe('')
  expect(groupOf(null)).toBeUndefined()
})

it('a value that is too large or encrypted is refused as a sample', () => {
  const sample = (value: Buffer): unknown => sampleOf(value, { place: 'a.bin' }, undefined)
  expect(() => sample(Buffer.alloc(2 ** 24 + 1))).toThrow(
    new Error('a.bin: a sample has at most 16,777,216 bytes, and this one has 16,777,217'),
  )
  expect(() => sample(Buffer.concat([PREFIX, Buffer.alloc(200)]))).toThrow(
    new Error('a.bin: the value is encrypted. Samples are values before they are sealed'),
  )
})
