import { expect, it } from 'vitest'
import { openRecords, sealRecords } from '../../src/record/index.js'
import { memoryEncryption } from '../support/encryption.js'

it('preambles are remembered for at most the 1,000 topics that were read last', async () => {
  const { encryption } = await memoryEncryption([
    { match: ['t*'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } },
  ])
  const sealed = await sealRecords(encryption, [{ topic: 't', value: 'v' }])
  const preamble = async () => {
    const [opened] = await openRecords(encryption, sealed)
    return opened?.error === undefined ? opened?.envelope : undefined
  }
  const first = await preamble()
  expect(first).toMatchObject({ topic: 't' })
  const garbage = (count: number) =>
    openRecords(
      encryption,
      Array.from({ length: count }, (_, i) => ({ topic: `t${String(i)}`, value: Buffer.of(1) })),
    )
  await garbage(999)
  // All records of a remembered preamble share one object with the authenticated data.
  expect(await preamble()).toBe(first)
  await garbage(1000)
  const later = await preamble()
  expect(later).toEqual(first)
  expect(later).not.toBe(first)
})
