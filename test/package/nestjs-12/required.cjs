const { ServerKafka } = require('@nestjs/microservices')
const { SealedServerKafka } = require('kafka-envelope/nestjs')

if (!(SealedServerKafka.prototype instanceof ServerKafka)) throw new Error('it is not based on ServerKafka')
