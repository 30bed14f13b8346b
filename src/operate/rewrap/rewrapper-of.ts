import type { Encryption } from '../../index.js'
import { internalsOf } from '../../record/internals.js'
import { NewPreambles } from './new-preambles.js'
import { Patience, type WaitingForKms } from '../patience.js'
import { Rewrapper } from './rewrapper.js'
import { resolveChanges, type ResolvedChanges, type WrappingChanges } from './wrapping-changes.js'

export interface RewrapperOptions extends WrappingChanges {
  readonly encryption: Encryption
  readonly from: string
  readonly verify: boolean
  readonly onWaiting: (waiting: WaitingForKms) => void
  /** Ends calls to KMSs. */
  readonly signal: AbortSignal
}

/** What rewraps the records of one topic under a configuration. */
export interface RewrapperOfTopic {
  readonly rewrapper: Rewrapper
  readonly newPreambles: NewPreambles
  readonly changes: ResolvedChanges
  /** The topics that its envelopes may have been sealed for, or prefixes of them. */
  readonly originalTopics: readonly string[]
}

/**
 * Prepares to rewrap a topic; asks nobody.
 * @throws Error for changes that are not possible; EnvelopeError TOPIC_NOT_CONFIGURED if no rule decrypts the topic
 */
export function rewrapperOf(options: RewrapperOptions): RewrapperOfTopic {
  const { encryption, from, verify, onWaiting, signal } = options
  const { rules, cmks, opener, clock } = internalsOf(encryption, 'rewrap')
  const changes = resolveChanges(options, cmks)
  const rule = rules.forReading(from)
  if (rule === 'passthrough')
    throw new Error(`the rule of topic ${from} is passthrough: its values are not sealed`)
  const newPreambles = new NewPreambles({
    topic: from,
    rule,
    opener: verify ? opener : undefined,
    patience: new Patience(clock, onWaiting),
    signal,
  })
  const originalTopics = [...new Set([from, ...rule.decrypt.originalTopics])]
  return { rewrapper: new Rewrapper(changes, newPreambles), newPreambles, changes, originalTopics }
}
