/**
 * Every attribute of metrics and spans. Uses the names of OpenTelemetry's semantic conventions if they exist. No
 * attribute contains a session id, an offset or any part of a record: its values are few, and come from the
 * configuration or from our own lists.
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
  overrideState: 'kafka_envelope.override.state',
  retireReason: 'kafka_envelope.dek.retire_reason',
  rule: 'kafka_envelope.rule',
  side: 'kafka_envelope.side',
  toCmkId: 'kafka_envelope.to_cmk.id',
} as const

/** For series that name a topic or a consumer. */
export const KAFKA = { [ATTR.messagingSystem]: 'kafka' } as const

/** The type of an error without one of our codes, as in the semantic conventions. */
export const OTHER = '_OTHER'
