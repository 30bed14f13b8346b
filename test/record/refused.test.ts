import { expect, it } from 'vitest'
import { sealRecords } from '../../src/record/index.js'
import { CANARY, thrownBy } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'

it('a record that KafkaJS would not send unchanged is refused, and nothing of its batch is sealed', async () => {
  const { encryption, kms } = await memoryEncryption([
    { match: ['t'], encrypt: { cmk: 'main', bindHeaders: ['h'] } },
  ])
  for (const wrong of [
    { value: undefined },
    { value: 7 },
    { value: new Uint8Array(3) },
    { value: { canary: CANARY } },
    { value: CANARY, key: 7 },
    { value: CANARY, headers: { h: 7 } },
    { value: CANARY, headers: { h: undefined } },
    { value: CANARY, headers: { h: ['x', 7] } },
  ]) {
    const batch = [
      { topic: 't', value: CANARY },
      { topic: 't', ...wrong },
    ] as { topic: string; value: string }[]
    expect(await thrownBy(() => sealRecords(encryption, batch))).toMatchObject({ code: 'INVALID_RECORD' })
  }
  expect(kms.calls).toEqual([])
})
