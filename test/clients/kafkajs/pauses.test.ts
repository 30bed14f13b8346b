import { createRequire } from 'node:module'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Pauses } from '../../../src/clients/kafkajs/pauses.js'

/** KafkaJS's own. */
interface SubscriptionState {
  assign(all: { topic: string; partitions: number[] }[]): void
  pause(all: { topic: string; partitions?: number[] }[]): void
  resume(all: { topic: string; partitions?: number[] }[]): void
  isPaused(topic: string, partition: number): boolean
}
const require = createRequire(import.meta.url)
const KafkaJs = require('kafkajs/src/consumer/subscriptionState') as new () => SubscriptionState

const TOPICS = ['a', 'b']
const PARTITIONS = [0, 1, 2]
const places = fc.record(
  { topic: fc.constantFrom(...TOPICS), partitions: fc.uniqueArray(fc.constantFrom(...PARTITIONS)) },
  { requiredKeys: ['topic'] },
)

it('partitions are paused and resumed by the rules of KafkaJS', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('pause', 'resume'), places), { maxLength: 12 }),
      (calls) => {
        const [pauses, kafkaJs] = [new Pauses(), new KafkaJs()]
        for (const [call, one] of calls) {
          pauses[call as 'pause']([one])
          kafkaJs[call as 'pause']([one])
          for (const topic of TOPICS)
            for (const partition of PARTITIONS)
              expect(pauses.include({ topic, partition })).toBe(kafkaJs.isPaused(topic, partition))
        }
      },
    ),
    { numRuns: 2000 },
  )
})
