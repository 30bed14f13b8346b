/**
 * Every attribute of metrics and spans. Names of OpenTelemetry's semantic conventions where they have one. None holds
 * a session id, an offset or anything of a record: values are few, and come from configuration or from lists of ours.
 */
export const ATTR = {
  /** The code of an error. */
  errorType: 'error.type',
  messagingSystem: 'messaging.system',
  topic: 'messaging.destination.name',
  group: 'messaging.consumer.group.name',
  action: 'kafka_envelope.action',
  cmkId: 'kafka_envelope.cmk.id',
  dekOrigin: 'kafka_envelope.dek.origin',
  dekState: 'kafka_envelope.dek.state',
  keyLookup: 'kafka_envelope.key.lookup',
  kmsName: 'kafka_envelope.kms.name',
  limit: 'kafka_envelope.limit',
  operation: 'kafka_envelope.operation',
  retireReason: 'kafka_envelope.dek.retire_reason',
  rule: 'kafka_envelope.rule',
  side: 'kafka_envelope.side',
} as const

/** Where a topic or a consumer is named. */
export const KAFKA = { [ATTR.messagingSystem]: 'kafka' } as const

/** An error without a code of ours, as the semantic conventions say it. */
export const OTHER = '_OTHER'
