const root = require('kafka-envelope')
const local = require('kafka-envelope/kms/local')
const kafkajs = require('kafka-envelope/kafkajs')
const { clients, missingKeyring, records } = require('./round-trips.cjs')
const { memoryKms } = require('./memory-kms.cjs')

exports.main = async (globals) => {
  try {
    await records(root, local, require('kafka-envelope/record'), require('kafka-envelope/config-file'))
    await clients(root, kafkajs, () => local.localKms({ keyring: './dev.keyring' }))
    await clients(root, kafkajs, () => memoryKms(globals))
    await missingKeyring(root, local)
  } catch (error) {
    console.error(error)
    process.exit(1)
  }
}
