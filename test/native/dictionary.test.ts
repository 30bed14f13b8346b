import { afterEach, expect, it, vi } from 'vitest'
import { createEncryption } from '../../src/index.js'
import { openRecords, sealRecords } from '../../src/record/index.js'
import { memoryKms } from '../../src/kms/memory/index.js'
import { addon } from './batch.js'

/** As the library gets it: the exports of the module, not their namespace. */
const { default: exported } = addon as unknown as { readonly default: typeof addon }

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

it.each(['native', 'node'])(
  'with the engine %s, values are compressed and decompressed by it',
  async (engine) => {
    vi.stubEnv('KAFKA_ENVELOPE_ENGINE', engine)
    const calls = [vi.spyOn(exported, 'deflate'), vi.spyOn(exported, 'inflate')]
    const encryption = await createEncryption({
      kms: { memory: memoryKms({ cmks: ['cmk'] }) },
      cmks: { main: [{ kms: 'memory', id: 'cmk' }] },
      dictionaries: { own: { base64: Buffer.from('a dictionary of some words').toString('base64') } },
      topics: [
        {
          match: ['*'],
          encrypt: { cmk: 'main', compression: { dictionary: 'own' } },
          decrypt: { cmk: 'main' },
        },
      ],
    })
    const values = ['some words of a dictionary', '', 'a dictionary of some words'.repeat(3000)]
    const records = values.map((value) => ({ topic: 'topic', key: 'key', value: Buffer.from(value) }))
    const opened = await openRecords(encryption, await sealRecords(encryption, records))
    await encryption.close()
    expect(opened.map(({ value }) => value?.toString())).toEqual(values)
    // The last value is over what the addon takes; its stream is not.
    expect(calls.map(({ mock }) => mock.calls.length)).toEqual(engine === 'native' ? [2, 3] : [0, 0])
  },
)
