import type { Encryption } from '../index.js'
import { ATTR, KAFKA, OTHER } from './attributes.js'
import type { Instruments } from './instruments.js'

/** Counts and times of single events. Returns functions that end each of them. */
export function countEvents(encryption: Encryption, instruments: Instruments): (() => void)[] {
  const seconds = (ms: number): number => ms / 1000
  return [
    encryption.on('record.rejected', ({ rule, topic, code, action }) => {
      instruments['kafka_envelope.rejected.records'].add(1, {
        ...KAFKA,
        [ATTR.topic]: topic,
        [ATTR.rule]: rule,
        [ATTR.errorType]: code,
        [ATTR.action]: action,
      })
    }),
    encryption.on('override.used', ({ rule, topic, code, action }) => {
      instruments['kafka_envelope.override.records'].add(1, {
        ...KAFKA,
        [ATTR.topic]: topic,
        [ATTR.rule]: rule,
        [ATTR.errorType]: code,
        [ATTR.action]: action,
      })
    }),
    encryption.on('dek.created', ({ rule, origin }) => {
      instruments['kafka_envelope.dek.created'].add(1, { [ATTR.rule]: rule, [ATTR.dekOrigin]: origin })
    }),
    encryption.on('dek.retired', ({ rule, reason, grace }) => {
      instruments['kafka_envelope.dek.retired'].add(1, { [ATTR.rule]: rule, [ATTR.retireReason]: reason })
      if (grace === undefined) return
      instruments['kafka_envelope.grace.records'].add(grace.messages, {
        [ATTR.rule]: rule,
        [ATTR.limit]: grace.limit,
      })
    }),
    encryption.on('dek.destroyed', ({ side, cmkId }) => {
      instruments['kafka_envelope.dek.destroyed'].add(1, { [ATTR.side]: side, [ATTR.cmkId]: cmkId })
    }),
    encryption.on('dek.waited', ({ rule, waitedMs, outcome, code = OTHER }) => {
      instruments['kafka_envelope.dek.wait.duration'].record(seconds(waitedMs), {
        [ATTR.rule]: rule,
        ...(outcome === 'failed' ? { [ATTR.errorType]: code } : {}),
      })
    }),
    encryption.on('dek.storeFailed', ({ rule, operation, reason }) => {
      instruments['kafka_envelope.dek_store.failures'].add(1, {
        [ATTR.rule]: rule,
        [ATTR.operation]: operation,
        [ATTR.errorType]: reason,
      })
    }),
    encryption.on('dek.grace', ({ rule, limit, code }) => {
      instruments['kafka_envelope.grace.started'].add(1, {
        [ATTR.rule]: rule,
        [ATTR.limit]: limit,
        [ATTR.errorType]: code,
      })
    }),
    encryption.on('kms.call', ({ kms, cmkId, operation, code, durationMs }) => {
      instruments['kafka_envelope.kms.call.duration'].record(seconds(durationMs), {
        [ATTR.kmsName]: kms,
        [ATTR.cmkId]: cmkId,
        [ATTR.operation]: operation,
        ...(code === undefined ? {} : { [ATTR.errorType]: code }),
      })
    }),
    encryption.on('audit.failed', ({ reason }) => {
      instruments['kafka_envelope.audit.failures'].add(1, { [ATTR.errorType]: reason })
    }),
    encryption.on('send.split', () => {
      instruments['kafka_envelope.send.splits'].add(1)
    }),
    encryption.on('consumer.waiting', ({ topic, code }) => {
      instruments['kafka_envelope.consumer.waits'].add(1, {
        ...KAFKA,
        [ATTR.topic]: topic,
        [ATTR.errorType]: code,
      })
    }),
  ]
}
