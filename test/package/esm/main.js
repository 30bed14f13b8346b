import * as root from 'kafka-envelope'
import * as kafkajs from 'kafka-envelope/kafkajs'
import * as local from 'kafka-envelope/kms/local'
import * as record from 'kafka-envelope/record'
import * as config from 'kafka-envelope/config-file'
import * as tencent from 'kafka-envelope/kms/tencent'
import * as pkcs11 from 'kafka-envelope/kms/pkcs11'
import {
  clients,
  emulatorIsMissing,
  missingKeyring,
  pkcs11WithoutSdk,
  records,
  tencentWithoutSdk,
} from './round-trips.cjs'

await records(root, local, record, config)
await clients(root, kafkajs, () => local.localKms({ keyring: './dev.keyring' }))
await missingKeyring(root, local)
await tencentWithoutSdk(tencent)
await pkcs11WithoutSdk(pkcs11)
emulatorIsMissing()
for (const optional of ['opentelemetry', 'avro']) {
  const loading = await import(`kafka-envelope/${optional}`).then(
    () => 'loaded',
    ({ code }) => code,
  )
  if (loading !== 'ERR_MODULE_NOT_FOUND') throw new Error(`${optional}: ${loading}`)
}
