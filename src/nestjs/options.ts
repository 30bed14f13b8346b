import type { KafkaOptions } from '@nestjs/microservices'
import { configError } from '../errors.js'
import type { Encryption } from '../encryption.js'
import { internalsOf } from '../record/internals.js'
import type { TopicRules } from '../record/topic-rules.js'

/** Nest's own options of the Kafka transport, and two more. */
export type SealedKafkaOptions = Required<KafkaOptions>['options'] & {
  /** The object that `createEncryption` resolves to. It must live longer than the client or server. */
  readonly encryption: Encryption
  /**
   * Where the text of a handler's error is in a reply. `sealed`, the default: in the sealed value; the header
   * `kafka_nest-err` has a constant text, and a reply of nothing has a sealed value too. `header`: in that header, in the
   * clear and not authenticated, and a reply of nothing has a null value, as Nest itself does it; for callers and servers
   * that are not sealed ones.
   */
  readonly errors?: 'sealed' | 'header'
}

/** The parts of the options that the sealed client and server use. */
export interface Sealing {
  readonly encryption: Encryption
  readonly rules: TopicRules
  readonly errorsInHeader: boolean
}

/** @throws EnvelopeError CONFIG_INVALID if the encryption is not one, or `errors` has another value */
export function sealingOf(options: SealedKafkaOptions, call: string): Sealing {
  const { encryption, errors = 'sealed' } = options as Partial<SealedKafkaOptions>
  const { rules } = internalsOf(encryption as Encryption, call)
  if (!['sealed', 'header'].includes(errors)) {
    throw configError([{ path: `${call}(options.errors)`, message: "expected 'sealed' or 'header'" }])
  }
  return { encryption: encryption as Encryption, rules, errorsInHeader: errors === 'header' }
}
