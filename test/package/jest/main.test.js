const root = require('kafka-envelope')
const local = require('kafka-envelope/kms/local')
const record = require('kafka-envelope/record')
const config = require('kafka-envelope/config-file')
const kafkajs = require('kafka-envelope/kafkajs')
const { clients, missingKeyring, records } = require('./round-trips.cjs')
const { memoryKms } = require('./memory-kms.cjs')

const later = (value) => new Promise((resolve) => setTimeout(resolve, 5, value))

test('records are sealed and opened', () => records(root, local, record, config))
test('a wrapped producer and wrapped consumers work', () =>
  clients(root, kafkajs, () => local.localKms({ keyring: './dev.keyring' })))
test('a KMS that makes its bytes with the globals of the test works', () =>
  clients(root, kafkajs, () => memoryKms({ Uint8Array, later })))
test('a missing keyring is known for what it is', () => missingKeyring(root, local))
