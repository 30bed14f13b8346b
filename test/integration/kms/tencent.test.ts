import { tencentKms } from '../../../src/kms/tencent/index.js'
import {
  EMULATOR_CREDENTIAL,
  startTencentKmsEmulator,
} from '../../../packages/tencent-kms-emulator/src/index.js'
import { faultProxy } from '../../support/fault-proxy.js'
import { describeKmsOnKafka } from './kms-on-kafka.js'

describeKmsOnKafka('tencentKms', async () => {
  const emulator = await startTencentKmsEmulator({ quotas: { '*': Infinity }, keys: [{ alias: 'orders' }] })
  const proxy = await faultProxy(emulator.url)
  const [{ region, keyId } = { region: '', keyId: '' }] = emulator.keys()
  const credentials = EMULATOR_CREDENTIAL
  return {
    cmkId: `${region}/${keyId}`,
    proxy,
    sealing: () => tencentKms({ endpoint: proxy.url, credentials }),
    reading: {
      module: new URL('reading/tencent.ts', import.meta.url).href,
      options: { endpoint: emulator.url, credentials },
    },
    rotate: () => {
      emulator.rotateKey(keyId)
      return Promise.resolve()
    },
    setEnabled: (enabled) => {
      emulator.setKeyState(keyId, enabled ? 'Enabled' : 'Disabled')
      return Promise.resolve()
    },
    teardown: () => emulator.close(),
  }
})
