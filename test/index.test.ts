import { expect, it } from 'vitest'

it('the entry points load, and export only the public names', async () => {
  const exported = async (module: Promise<object>): Promise<string[]> => Object.keys(await module).sort()
  expect(await exported(import('../src/index.js'))).toEqual([
    'EnvelopeError',
    'createEncryption',
    'fileDekStore',
    'isEnvelopeError',
  ])
  expect(await exported(import('../src/record/index.js'))).toEqual(['openRecords', 'sealRecords'])
})
