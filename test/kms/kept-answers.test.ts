import { expect, it } from 'vitest'
import { createEncryption } from '../../src/index.js'
import type { GeneratedDek } from '../../src/kms/kms.js'
import { CANARY, thrownBy } from '../support/emissions.js'
import { MemoryKms } from '../support/memory-kms.js'
import { openRecords, sealRecords } from '../../src/record/index.js'

it.each(['one after another', 'at once'])(
  'a provider that returns one DEK twice, %s, is refused: the first use has wiped it, and zeros are not a key',
  async (order) => {
    const kms = new MemoryKms()
    const generate = kms.generateDek.bind(kms)
    let kept: Promise<GeneratedDek> | undefined
    kms.generateDek = (call) => (kept ??= generate(call))
    const encryption = await createEncryption({
      kms: { main: kms },
      cmks: { main: [{ kms: 'main', id: 'cmk' }] },
      topics: ['t', 'u'].map((topic) => ({
        match: [topic],
        encrypt: { cmk: 'main' as const },
        decrypt: { cmk: 'main' as const },
      })),
      kmsRetries: 0,
    })
    const seal = (topic: string) => sealRecords(encryption, [{ topic, value: CANARY }])
    const first = seal('t')
    if (order === 'one after another') await first
    expect(await thrownBy(() => seal('u'))).toMatchObject({ code: 'KMS_RESPONSE_INVALID' })
    expect(await openRecords(encryption, await first)).toMatchObject([{ value: Buffer.from(CANARY) }])
    await encryption.close()
  },
)
