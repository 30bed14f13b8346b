import { kafkajs } from './clients/kafkajs.js'
import { describeLaws } from './describe-laws.js'

describeLaws(kafkajs)
