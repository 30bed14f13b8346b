import { configError, type EnvelopeError } from '../../errors.js'
import { deadLetterTopicsOf, type ReadingRule } from '../../record/topic-rules.js'
import { isSealing } from './sealing-producers.js'

/**
 * @param client the name of the client, as people write it
 * @throws EnvelopeError CONFIG_INVALID if it is not a producer, or would seal the letters again
 */
export function checkDeadLetterProducer(producer: { readonly send: unknown }, client: string): void {
  if (typeof (producer as Partial<typeof producer> | null)?.send !== 'function') {
    throw deadLettersWrong(`expected a ${client} producer`)
  }
  if (isSealing(producer)) {
    throw deadLettersWrong(
      'this producer seals what it sends, but dead letters are sent unchanged; pass one that is not wrapped',
    )
  }
}

/** @throws EnvelopeError CONFIG_INVALID if a rule has dead letters and there is no producer for them */
export function checkDeadLetters(rule: ReadingRule, deadLetters: object | undefined): void {
  if (deadLetters !== undefined) return
  const [topic] = deadLetterTopicsOf(rule)
  if (topic === undefined) return
  throw deadLettersWrong(
    `missing; rule ${rule.name} sends dead letters to ${topic}: pass a connected producer that is not wrapped`,
  )
}

/** @throws EnvelopeError CONFIG_INVALID if any rule has dead letters and there is no producer for them */
export function checkDeadLettersOfPattern(hasDeadLetters: boolean, deadLetters: object | undefined): void {
  if (!hasDeadLetters || deadLetters !== undefined) return
  throw deadLettersWrong(
    'missing; the pattern may match topics of a rule that sends dead letters: pass a connected producer that is not wrapped',
  )
}

function deadLettersWrong(message: string): EnvelopeError {
  return configError([{ path: 'decryptConsumer(…, { deadLetters })', message }])
}
