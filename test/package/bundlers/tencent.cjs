const { tencent } = require('./round-trips.cjs')

tencent(
  require('kafka-envelope'),
  require('kafka-envelope/record'),
  require('kafka-envelope/kms/tencent'),
  require('kafka-envelope-tencent-kms-emulator'),
)
