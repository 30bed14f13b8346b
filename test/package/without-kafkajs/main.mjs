import * as root from 'kafka-envelope'
import * as config from 'kafka-envelope/config-file'
import * as local from 'kafka-envelope/kms/local'
import * as record from 'kafka-envelope/record'
import roundTrips from './round-trips.cjs'

const kafkajs = await import('kafkajs').then(
  () => 'found',
  ({ code }) => code,
)
if (kafkajs !== 'ERR_MODULE_NOT_FOUND') throw new Error(`kafkajs: ${kafkajs}`)
await roundTrips.records(root, local, record, config)
