import { TOPIC } from '../envelope/bounds.js'
import { EnvelopeError, shownTopic } from '../errors.js'
import { describe } from './record.js'

/** Whether a broker accepts it as the name of a topic. */
export function isTopicName(topic: string): boolean {
  return TOPIC.pattern.test(topic) && topic !== '.' && topic !== '..'
}

/** Whether it is a name at all. */
export function isNamed(topic: unknown): topic is string {
  return typeof topic === 'string' && topic !== ''
}

/** INVALID_RECORD for a value that is not a topic name. */
export function unnamedTopic(given: unknown, path: string): EnvelopeError {
  return topicError(`${path} is ${given === '' ? 'empty' : describe(given)}`)
}

export function invalidTopic(topic: string): EnvelopeError {
  return topicError(`${shownTopic(topic)} is not a topic name`)
}

function topicError(what: string): EnvelopeError {
  return new EnvelopeError('INVALID_RECORD', what, {
    remedy: 'Pass a topic name: 1 to 249 of A-Z a-z 0-9 . _ -, and neither "." nor ".."',
  })
}
