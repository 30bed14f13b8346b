import * as root from 'kafka-envelope'
import * as local from 'kafka-envelope/kms/local'
import * as record from 'kafka-envelope/record'
import roundTrips from './round-trips.cjs'

await roundTrips.recordsByCode(root, local, record)
