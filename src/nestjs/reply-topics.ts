import { EnvelopeError, shownTopic } from '../errors.js'
import { envelopeOf } from '../clients/kafkajs/index.js'
import type { TopicRules } from '../record/topic-rules.js'

/** Nest's header for the topic on which the caller expects the reply. */
const REPLY_TOPIC = 'kafka_replyTopic'

/** Where callers that are Nest's own clients expect the replies to requests on a topic. */
export function replyTopicOf(topic: string): string {
  return `${topic}.reply`
}

/**
 * Whether a server seals its replies to requests on `topic`.
 * @throws EnvelopeError TOPIC_NOT_CONFIGURED if it may not send them, or if they would be in the clear although the
 * requests are encrypted
 */
export function sealsReplies(rules: TopicRules, topic: string, replyTopic: string): boolean {
  const replies = `replies to requests on topic ${shownTopic(topic)} go to topic ${shownTopic(replyTopic)}`
  const rule = found(() => rules.forWriting(replyTopic), `${replies}, which no rule encrypts`)
  if (rule !== 'passthrough') return true
  if (rules.forReading(topic) === 'passthrough') return false
  throw inTheClear(replies, 'encrypt')
}

/**
 * Whether a server seals its reply to a request.
 *
 * Unless a rule binds it, the header that names the topic of the reply is not authenticated: someone who can write to the
 * topic of the requests could send replies to readers for whom they are not meant, or have the server seal what it
 * answers for a topic to which only others may write.
 * @param request the message with the request, as the wrapped consumer delivered it
 * @throws EnvelopeError REQUIREMENT_UNMET if the reply is to go elsewhere than to `<topic>.reply`, the header is not bound,
 * and the request or the reply is encrypted; TOPIC_NOT_CONFIGURED as `sealsReplies` says
 */
export function sealsReply(rules: TopicRules, topic: string, replyTopic: string, request: object): boolean {
  const isBound = envelopeOf(request)?.boundHeaders?.includes(REPLY_TOPIC) === true
  const isExpected = isBound || replyTopic === replyTopicOf(topic)
  const isPlain = rules.forReading(topic) === 'passthrough'
  const isSealed = (isExpected || isPlain) && sealsReplies(rules, topic, replyTopic)
  if (isExpected || (isPlain && !isSealed)) return isSealed
  throw new EnvelopeError(
    'REQUIREMENT_UNMET',
    `a request on topic ${shownTopic(topic)} asks for its reply on another topic than ${shownTopic(replyTopicOf(topic))}, and its header ${REPLY_TOPIC} is not authenticated`,
    {
      remedy: `Bind ${REPLY_TOPIC} in the rule of the requests (\`bindHeaders\`), or have callers use that topic`,
    },
  )
}

/**
 * @throws EnvelopeError TOPIC_NOT_CONFIGURED if a client may not send requests on `topic`, or read the replies, or if they
 * would be in the clear although the requests are encrypted
 */
export function checkRequests(rules: TopicRules, topic: string, replyTopic: string): void {
  const replies = `replies to requests on topic ${shownTopic(topic)} come on topic ${shownTopic(replyTopic)}`
  const requests = `requests go to topic ${shownTopic(topic)}, which no rule encrypts`
  const isPlain = found(() => rules.forWriting(topic), requests) === 'passthrough'
  const rule = found(() => rules.forReading(replyTopic), `${replies}, which no rule decrypts`)
  if (rule === 'passthrough' && !isPlain) throw inTheClear(replies, 'decrypt')
}

function inTheClear(replies: string, half: 'encrypt' | 'decrypt'): EnvelopeError {
  return new EnvelopeError(
    'TOPIC_NOT_CONFIGURED',
    `${replies}, which is passthrough although the requests are encrypted`,
    { remedy: `Give the topic of the replies a rule with \`${half}\`` },
  )
}

function found<T>(find: () => T, what: string): T {
  try {
    return find()
  } catch (cause) {
    throw new EnvelopeError('TOPIC_NOT_CONFIGURED', what, { cause })
  }
}
