import { Kafka, type Consumer, type Producer } from 'kafkajs'
import { createEncryption, EnvelopeError, type EncryptionConfig } from 'kafka-envelope'
import { decryptConsumer, encryptProducer, envelopeOf } from 'kafka-envelope/kafkajs'
import { memoryConsumer, type MemoryConsumer } from 'kafka-envelope/kafkajs/testing'
import { awsKms, type AwsCmkOptions } from 'kafka-envelope/kms/aws'
import { azureKms, type TokenCredential } from 'kafka-envelope/kms/azure'
import { gcpKms, type AccessTokenSource } from 'kafka-envelope/kms/gcp'
import { localKms } from 'kafka-envelope/kms/local'
import { tencentKms, type TencentClient } from 'kafka-envelope/kms/tencent'
import { vaultKms, type VaultAuth } from 'kafka-envelope/kms/vault'
import { pkcs11Kms } from 'kafka-envelope/kms/pkcs11'
import { openAuditLog, type AuditLog } from 'kafka-envelope/audit'
import { envelopeType, headerType } from 'kafka-envelope/avro'
import { instrument } from 'kafka-envelope/opentelemetry'
import { openRecords, sealRecords } from 'kafka-envelope/record'
import { loadConfig, type LoadOptions } from 'kafka-envelope/config-file'
import { startTencentKmsEmulator, type TencentKmsEmulator } from 'kafka-envelope-tencent-kms-emulator'

const client: TencentClient = { request: async (action, params, { signal }) => ({ action, params, signal }) }
const awsCmk: AwsCmkOptions = { type: 'symmetric', dek: 'encrypt' }
const credential: TokenCredential = { getToken: async () => null }
const accessToken: AccessTokenSource = async () => 'token'
const auth: VaultAuth = { method: 'kubernetes', role: 'orders' }

async function main(): Promise<void> {
  const config: EncryptionConfig = {
    kms: {
      dev: localKms({ keyring: './dev.keyring' }),
      aws: awsKms({ cmks: { 'arn:aws:kms:eu-west-1:111122223333:key/x': awsCmk } }),
      azure: azureKms({ credential }),
      google: gcpKms({ accessToken }),
      tencent: tencentKms({ client: () => client }),
      vault: vaultKms({ address: 'http://127.0.0.1:8200', name: 'transit.vault.example.com', auth }),
      hsm: pkcs11Kms({ library: '/usr/lib/hsm.so', token: 'payments', pin: '1234' }),
    },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    dictionaries: { orders: Buffer.from('{"order":'), old: { base64: 'eyI=' } },
    topics: [
      {
        match: ['orders'],
        encrypt: { cmk: 'orders', compression: { dictionary: 'orders' } },
        decrypt: { cmk: 'orders' },
      },
    ],
  }
  const options: LoadOptions = { kms: config.kms, env: { CMK: 'orders' } }
  const loaded: EncryptionConfig = await loadConfig('kafka-envelope.yaml', options)
  if (loaded.topics.length !== config.topics.length) throw new Error('not loaded')
  const encryption = await createEncryption(config)
  const stop: () => void = instrument(encryption)
  const kafka = new Kafka({ brokers: ['localhost:1'] })
  const producer: Producer = encryptProducer(kafka.producer(), encryption)
  const consumer: Consumer = decryptConsumer(kafka.consumer({ groupId: 'g' }), encryption)
  const inMemory: MemoryConsumer = memoryConsumer()
  if (!producer.send || !consumer.run || !inMemory.deliver || envelopeOf({}))
    throw new EnvelopeError('INVALID_RECORD', 'never')
  const sealed = await sealRecords(encryption, [{ topic: 'orders', key: 'k', value: 'v' }])
  const { header } = envelopeType.fromBuffer((sealed[0]?.value as Buffer).subarray(10)) as { header: Buffer }
  if ((headerType.fromBuffer(header) as { topic: string }).topic !== 'orders') throw new Error('not decoded')
  const [opened] = await openRecords(encryption, sealed)
  if (opened?.value?.toString() !== 'v') throw new Error('not opened')
  stop()
  const audit: AuditLog = await openAuditLog(encryption, { file: './audit.jsonl' })
  await encryption.close()
  await audit.close()
  const kms: TencentKmsEmulator = await startTencentKmsEmulator()
  await kms.close()
}
void main()
