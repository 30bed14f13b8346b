const loaded = (part) => Object.keys(require.cache).some((path) => path.includes(`/node_modules/${part}/`))
const root = require('kafka-envelope')
const local = require('kafka-envelope/kms/local')
const record = require('kafka-envelope/record')
const tencent = require('kafka-envelope/kms/tencent')
const pkcs11 = require('kafka-envelope/kms/pkcs11')
const {
  clients,
  emulatorRuns,
  otherKmses,
  pkcs11WithoutSdk,
  records,
  recordsByFile,
  tencent: tencentRoundTrip,
} = require('./round-trips.cjs')

async function main() {
  await clients(root, require('kafka-envelope/kafkajs'), () => local.localKms({ keyring: './dev.keyring' }))
  if (!loaded('valibot')) throw new Error('what is loaded cannot be told')
  for (const unneeded of [
    'kafkajs',
    'avsc',
    'yaml',
    'tencentcloud-sdk-nodejs-common',
    '@opentelemetry/api',
  ]) {
    if (loaded(unneeded)) throw new Error(`the core loads ${unneeded}`)
  }
  await records(root, local, record, require('kafka-envelope/config-file'))
  await recordsByFile(root, record, require('kafka-envelope/config-file'))
  if (loaded('tencentcloud-sdk-nodejs-common')) throw new Error('a file with a local KMS loads another SDK')
  await instruments()
  await tencentRoundTrip(root, record, tencent, require('kafka-envelope-tencent-kms-emulator'))
  await pkcs11WithoutSdk(pkcs11)
  await otherKmses(...['aws', 'azure', 'gcp', 'vault'].map((name) => require(`kafka-envelope/kms/${name}`)))
  await emulatorRuns()
  if (loaded('avsc')) throw new Error('avsc was loaded')
}

async function instruments() {
  const { instrument } = require('kafka-envelope/opentelemetry')
  const encryption = await root.createEncryption({
    kms: { dev: local.localKms({ keyring: './dev.keyring' }) },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [{ match: ['orders'], encrypt: { cmk: 'orders' } }],
  })
  const stop = instrument(encryption)
  await record.sealRecords(encryption, [{ topic: 'orders', value: 'v' }])
  stop()
  await encryption.close()
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
