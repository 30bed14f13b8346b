import * as root from 'kafka-envelope'
import * as record from 'kafka-envelope/record'
import * as tencent from 'kafka-envelope/kms/tencent'
import * as emulator from 'kafka-envelope-tencent-kms-emulator'
import roundTrips from './round-trips.cjs'

await roundTrips.tencent(root, record, tencent, emulator)
