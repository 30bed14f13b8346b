import * as root from 'kafka-envelope'
import * as record from 'kafka-envelope/record'
import * as tencent from 'kafka-envelope/kms/tencent'
import * as testing from 'kafka-envelope/testing'
import roundTrips from './round-trips.cjs'

await roundTrips.tencent(root, record, tencent, testing)
