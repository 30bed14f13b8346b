const root = require('kafka-envelope')
const tencent = require('kafka-envelope/kms/tencent')
const testing = require('kafka-envelope/testing')
const roundTrips = require('./round-trips.cjs')

test('the SDK of Tencent Cloud works', () => roundTrips.tencent(root, tencent, testing))
