import { createEncryption, type Encryption, type EncryptionConfig } from 'kafka-envelope'
import { openRecords, sealRecords, type ReadRecord } from 'kafka-envelope/record'
import { memoryKms, type MemoryKms } from 'kafka-envelope/kms/memory'

async function main(): Promise<void> {
  const dev: MemoryKms = memoryKms({ cmks: ['orders'] })
  const config: EncryptionConfig = {
    kms: { dev },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
  }
  const encryption: Encryption = await createEncryption(config)
  const sealed: ReadRecord[] = await sealRecords(encryption, [{ topic: 'orders', key: 'k', value: 'v' }])
  const [opened] = await openRecords(encryption, sealed)
  if (opened?.value?.toString() !== 'v') throw new Error('not opened')
  await encryption.close()
}
void main()
