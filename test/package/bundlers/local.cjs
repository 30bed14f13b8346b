const { clients } = require('./round-trips.cjs')
const { localKms } = require('kafka-envelope/kms/local')

clients(require('kafka-envelope'), () => localKms({ keyring: './dev.keyring' }))
