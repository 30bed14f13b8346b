import { afterEach, expect, it, vi } from 'vitest'
import { createEncryption, type Encryption } from '../../../src/index.js'
import { openRecords, sealRecords } from '../../../src/record/index.js'
import { CMK, gcpForTests } from './service.js'

const under = gcpForTests()
const open: Encryption[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  for (const each of open.splice(0)) await each.close()
})

async function owner(): Promise<Encryption> {
  const encryption = await createEncryption({
    kms: { google: under.kms() },
    cmks: { orders: [{ kms: 'google', id: CMK }] },
    topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
  })
  open.push(encryption)
  return encryption
}

it('a version that is still being made delays sealing and opening, and ends neither', async () => {
  // The pauses between attempts are random: here the shortest.
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const [sealing, opening] = [await owner(), await owner()]
  /** The version is ready from the second call on. */
  const onceBeingMade = (): void => {
    let asked = 0
    under.key.setState('PENDING_GENERATION')
    under.emulator.instead = () => {
      if (++asked > 1) under.key.setState('ENABLED')
      return undefined
    }
  }
  onceBeingMade()
  const sealed = await sealRecords(sealing, [{ topic: 'orders', value: 'v' }])
  onceBeingMade()
  expect((await openRecords(opening, sealed))[0]?.error).toBeUndefined()
})
