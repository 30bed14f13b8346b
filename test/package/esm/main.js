import * as root from 'kafka-envelope'
import * as kafkajs from 'kafka-envelope/kafkajs'
import * as local from 'kafka-envelope/kms/local'
import * as record from 'kafka-envelope/record'
import * as config from 'kafka-envelope/config-file'
import * as tencent from 'kafka-envelope/kms/tencent'
import { clients, emulatorIsMissing, missingKeyring, records, tencentWithoutSdk } from './round-trips.cjs'

await records(root, local, record, config)
await clients(root, kafkajs, () => local.localKms({ keyring: './dev.keyring' }))
await missingKeyring(root, local)
await tencentWithoutSdk(tencent)
emulatorIsMissing()
for (const optional of ['opentelemetry', 'avro']) {
  const loading = await import(`kafka-envelope/${optional}`).then(
    () => 'loaded',
    ({ code }) => code,
  )
  if (loading !== 'ERR_MODULE_NOT_FOUND') throw new Error(`${optional}: ${loading}`)
}
