import * as root from 'kafka-envelope'
import * as kafkajs from 'kafka-envelope/kafkajs'
import * as aws from 'kafka-envelope/kms/aws'
import * as azure from 'kafka-envelope/kms/azure'
import * as gcp from 'kafka-envelope/kms/gcp'
import * as local from 'kafka-envelope/kms/local'
import * as record from 'kafka-envelope/record'
import * as config from 'kafka-envelope/config-file'
import * as tencent from 'kafka-envelope/kms/tencent'
import * as vault from 'kafka-envelope/kms/vault'
import * as pkcs11 from 'kafka-envelope/kms/pkcs11'
import {
  clients,
  emulatorIsMissing,
  missingKeyring,
  otherKmses,
  pkcs11WithoutSdk,
  records,
  recordsByFile,
  tencentWithoutSdk,
} from './round-trips.cjs'

await records(root, local, record, config)
await recordsByFile(root, record, config)
await clients(root, kafkajs, () => local.localKms({ keyring: './dev.keyring' }))
await missingKeyring(root, local)
await tencentWithoutSdk(tencent)
await pkcs11WithoutSdk(pkcs11)
await otherKmses(aws, azure, gcp, vault)
emulatorIsMissing()
for (const optional of ['opentelemetry', 'avro']) {
  const loading = await import(`kafka-envelope/${optional}`).then(
    () => 'loaded',
    ({ code }) => code,
  )
  if (loading !== 'ERR_MODULE_NOT_FOUND') throw new Error(`${optional}: ${loading}`)
}
