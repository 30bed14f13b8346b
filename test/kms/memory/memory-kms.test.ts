import { afterEach, describe, expect, it, vi } from 'vitest'
import { memoryKms } from '../../../src/kms/memory/index.js'

const { signal } = new AbortController()
const call = { cmkId: 'orders', context: {}, signal }

describe('memoryKms()', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it('memoryKms() fails transiently while a test makes it unavailable, and works again after that', async () => {
    const kms = memoryKms({ cmks: ['orders'] })
    kms.setAvailable(false)
    await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE', retriable: true })
    await expect(kms.describe('orders', signal)).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' })
    kms.setAvailable(true)
    await expect(kms.verify({ ...call, use: 'unwrap' })).resolves.toBeUndefined()
  })

  it('memoryKms() refuses to start in production, where its keys would be lost with the process', () => {
    vi.stubEnv('NODE_ENV', 'production')
    expect(() => memoryKms({ cmks: ['orders'] })).toThrow('NODE_ENV: is production')
  })

  it('memoryKms() refuses an id that no CMK can have, and changes to a CMK that it does not have', () => {
    expect(() => memoryKms({ cmks: ['a b'] })).toThrow('cmks[0]: expected 1 to 256 visible ASCII characters')
    expect(() => {
      memoryKms({ cmks: [] }).rotate('orders')
    }).toThrow('CMK_NOT_FOUND: CMK orders is not in memoryKms()')
  })
})
