import { TOPIC } from '../envelope/bounds.js'
import { EnvelopeError, shownTopic } from '../errors.js'
import { describe } from './record.js'

/** Whether a broker takes it for the name of a topic. */
export function isTopicName(topic: string): boolean {
  return TOPIC.pattern.test(topic) && topic !== '.' && topic !== '..'
}

/** @throws EnvelopeError INVALID_RECORD where there is no name at all */
export function checkTopic(topic: unknown, path: string): asserts topic is string {
  if (typeof topic === 'string' && topic !== '') return
  throw topicError(`${path} is ${topic === '' ? 'empty' : describe(topic)}`)
}

export function invalidTopic(topic: string): EnvelopeError {
  return topicError(`${shownTopic(topic)} is not a topic name`)
}

function topicError(what: string): EnvelopeError {
  return new EnvelopeError('INVALID_RECORD', what, {
    remedy: 'Pass a topic name: 1 to 249 of A-Z a-z 0-9 . _ -, and neither "." nor ".."',
  })
}
