import { TOPIC } from '../envelope/bounds.js'
import { EnvelopeError, type AnyEnvelopeError } from '../errors.js'
import type {
  DeadLetterPolicy,
  RejectionAnswer,
  RejectionHandler,
  Replacement,
  SealedMessage,
} from '../config/rejection.js'
import { describe, type SealedRecord, type Source } from './record.js'

/** The facts that an answer of a handler is checked against. */
export interface AnswerTerms {
  /** Whether there is a producer for dead letters. */
  readonly takesDeadLetters: boolean
  /** Whether dead letters of a topic would come back to the rule that rejected them. */
  readonly comesBack: (topic: string) => boolean
}

/**
 * Asks a handler about one record.
 *
 * @throws EnvelopeError REJECTION_HANDLER_FAILED if the handler throws, or its answer cannot be carried out
 */
export async function answerOf(
  handler: RejectionHandler,
  record: SealedMessage,
  error: EnvelopeError,
  terms: AnswerTerms,
): Promise<RejectionAnswer> {
  let answer: unknown
  try {
    answer = await handler(record, error as AnyEnvelopeError)
  } catch (thrown) {
    // Only names the error: its text may quote the record.
    const name = (thrown as { readonly name?: unknown } | null | undefined)?.name
    throw failed(error, `threw ${typeof name === 'string' ? name : describe(thrown)}`)
  }
  if (answer === 'stop' || answer === 'skip') return answer
  if (isOnly(answer, 'value') && (answer.value === null || Buffer.isBuffer(answer.value))) {
    return { value: answer.value } satisfies Replacement
  }
  if (isOnly(answer, 'deadLetter') && typeof answer.deadLetter === 'string') {
    return deadLetter(answer.deadLetter, error, terms)
  }
  throw failed(error, `returned ${typeof answer === 'string' ? 'another text' : describe(answer)}`)
}

function deadLetter(topic: string, error: EnvelopeError, terms: AnswerTerms): DeadLetterPolicy {
  if (!TOPIC.pattern.test(topic)) throw failed(error, 'returned a dead-letter topic that is not a topic name')
  if (terms.comesBack(topic)) {
    throw failed(
      error,
      `returned topic ${topic}, which the same rule reads: the dead letter would loop forever`,
    )
  }
  if (!terms.takesDeadLetters) {
    throw failed(error, `returned topic ${topic}, but the consumer was created without \`deadLetters\``)
  }
  return { deadLetter: topic }
}

function isOnly<M extends string>(answer: unknown, member: M): answer is Readonly<Record<M, unknown>> {
  return (
    typeof answer === 'object' &&
    answer !== null &&
    Object.keys(answer).length === 1 &&
    Object.hasOwn(answer, member)
  )
}

function failed({ code, position }: EnvelopeError, what: string): EnvelopeError {
  return new EnvelopeError(
    'REJECTION_HANDLER_FAILED',
    `the handler for a record with ${code} ${what}`,
    position === undefined ? {} : { position },
  )
}

/** The record that did not open, for the handler. These are copies: a handler must not change the dead letter. */
export function sealedMessage(
  source: Required<Source>,
  {
    offset,
    timestamp,
    key,
    headers,
    value,
  }: SealedRecord & { offset: string; timestamp?: string | undefined },
): SealedMessage {
  const copies = Object.entries(headers ?? {}).map(([name, given]) => [
    name,
    Array.isArray(given) ? given.map(copyOf) : copyOf(given),
  ])
  return {
    ...source,
    offset,
    timestamp,
    key: typeof key === 'string' ? Buffer.from(key) : copyOf(key ?? null),
    headers: Object.fromEntries(copies) as SealedMessage['headers'],
    value: copyOf(value),
  }
}

function copyOf<T>(content: T): T | Buffer {
  return Buffer.isBuffer(content) ? Buffer.from(content) : content
}
