const root = require('kafka-envelope')
const record = require('kafka-envelope/record')
const tencent = require('kafka-envelope/kms/tencent')
const emulator = require('kafka-envelope-tencent-kms-emulator')
const roundTrips = require('./round-trips.cjs')

test('the SDK of Tencent Cloud works', () => roundTrips.tencent(root, record, tencent, emulator))
