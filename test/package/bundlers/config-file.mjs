import * as root from 'kafka-envelope'
import * as config from 'kafka-envelope/config-file'
import * as local from 'kafka-envelope/kms/local'
import * as record from 'kafka-envelope/record'
import roundTrips from './round-trips.cjs'

await roundTrips.records(root, local, record, config)
await roundTrips.recordsByFile(root, record, config)
