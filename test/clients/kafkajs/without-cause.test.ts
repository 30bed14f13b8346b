import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { withoutCause } from '../../../src/clients/kafkajs/without-cause.js'
import { EnvelopeError } from '../../../src/errors.js'

const place = { topic: 't', partition: 0 }
const answer = { kmsCode: 'InternalError', requestId: 'r-1' }

it('an error for KafkaJS has no cause, which KafkaJS would act on, and keeps the rest', () => {
  const error = new EnvelopeError('KMS_DENIED', 'something', {
    cause: Object.assign(new Error('retry me'), { retriable: true }),
    position: { topic: 't', offset: '1' },
    ...answer,
  })
  const bare = withoutCause(error, place)
  expect(bare.cause).toBeUndefined()
  expect(bare).toMatchObject({
    message: error.message,
    position: error.position,
    retriable: false,
    ...answer,
  })
  expect(inspect(bare)).not.toContain('retry me')
  expect(error.cause).toBeDefined()
  expect(withoutCause(bare, place)).toBe(bare)
})

it('an error for KafkaJS that has no position gets that of the partition', () => {
  for (const cause of [undefined, new Error('why')]) {
    const error = new EnvelopeError('TOPIC_NOT_CONFIGURED', 'no rule', { cause })
    expect(withoutCause(error, place)).toMatchObject({ position: place, code: 'TOPIC_NOT_CONFIGURED' })
  }
})
