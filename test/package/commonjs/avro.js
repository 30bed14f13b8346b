const { createEncryption } = require('kafka-envelope')
const { localKms } = require('kafka-envelope/kms/local')
const { sealRecords } = require('kafka-envelope/record')
const { envelopeType, headerType } = require('kafka-envelope/avro')

/** A tool decodes an envelope by the types of the package, as docs/format.md says. */
async function main() {
  const encryption = await createEncryption({
    kms: { dev: localKms({ keyring: './dev.keyring' }) },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [{ match: ['orders'], encrypt: { cmk: 'orders', context: { team: 'a' } } }],
  })
  const [{ value }] = await sealRecords(encryption, [{ topic: 'orders', value: 'v' }])
  await encryption.close()
  const envelope = envelopeType.fromBuffer(value.subarray(10))
  const { topic, context } = headerType.fromBuffer(envelope.header)
  if (envelope.wrappedDeks[0].cmkId !== 'orders' || topic !== 'orders' || context.team !== 'a') {
    throw new Error('the envelope was not decoded')
  }
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
