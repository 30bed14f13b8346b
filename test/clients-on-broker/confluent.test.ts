import { describe } from 'vitest'
import { whyNoConfluent } from '../support/confluent.js'
import { confluent } from './clients/confluent.js'
import { describeLaws } from './describe-laws.js'

describe.skipIf(whyNoConfluent !== undefined)(whyNoConfluent ?? 'on the broker', () => {
  describeLaws(confluent)
})
