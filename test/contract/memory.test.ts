import { memoryKms } from '../../src/kms/memory/index.js'
import { describeKmsContract } from './kms-contract.js'

describeKmsContract('memoryKms()', () => {
  const kms = memoryKms({ cmks: ['orders', 'billing'] })
  return Promise.resolve({
    kms,
    cmkId: 'orders',
    otherCmkId: 'billing',
    unknownCmkId: 'users',
    description: { provider: 'local', publicKeyWraps: false },
    setEnabled(enabled) {
      kms.setEnabled('orders', enabled)
      return Promise.resolve()
    },
    rotate() {
      kms.rotate('orders')
      return Promise.resolve()
    },
    removeOther() {
      kms.remove('billing')
      return Promise.resolve()
    },
  })
})
