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
  throw new EnvelopeError(
    'TOPIC_NOT_CONFIGURED',
    `${replies}, which is passthrough although the requests are encrypted`,
    { remedy: 'Give the topic of the replies a rule with `encrypt`' },
  )
}

/** @throws EnvelopeError TOPIC_NOT_CONFIGURED if a client may not send requests on `topic`, or read the replies */
export function checkRequests(rules: TopicRules, topic: string, replyTopic: string): void {
  found(() => rules.forWriting(topic), `requests go to topic ${shownTopic(topic)}, which no rule encrypts`)
  found(
    () => rules.forReading(replyTopic),
    `replies to requests on topic ${shownTopic(topic)} come on topic ${shownTopic(replyTopic)}, which no rule decrypts`,
  )
}

/**
 * Unless a rule binds it, the header that names the topic of the reply is not authenticated: someone who can write to the
 * topic of the requests could send replies to readers for whom they are not meant.
 * @param request the message with the request, as the wrapped consumer delivered it
 * @throws EnvelopeError REQUIREMENT_UNMET if the reply is to go elsewhere than to `<topic>.reply`, and the header is not bound
 */
export function checkReplyTopic(
  topic: string,
  replyTopic: unknown,
  request: object,
): asserts replyTopic is string {
  const isBound = envelopeOf(request)?.boundHeaders?.includes(REPLY_TOPIC) === true
  if (replyTopic === replyTopicOf(topic) || (isBound && typeof replyTopic === 'string')) return
  throw new EnvelopeError(
    'REQUIREMENT_UNMET',
    `a request on topic ${shownTopic(topic)} asks for its reply on another topic than ${shownTopic(replyTopicOf(topic))}, and its header ${REPLY_TOPIC} is not authenticated`,
    {
      remedy: `Bind ${REPLY_TOPIC} in the rule of the requests (\`bindHeaders\`), or have callers use that topic`,
    },
  )
}

function found<T>(find: () => T, what: string): T {
  try {
    return find()
  } catch (cause) {
    throw new EnvelopeError('TOPIC_NOT_CONFIGURED', what, { cause })
  }
}
