/** Errors of a broker that the same request would get again. */
const LASTING = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'INVALID_TRANSACTION_TIMEOUT',
  'INVALID_TIMESTAMP',
  'INVALID_RECORD',
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'POLICY_VIOLATION',
])

/** The name that the Kafka protocol has for an error; undefined for other errors. */
export function typeOf(error: unknown): string | undefined {
  const { type, cause } = (error ?? {}) as { readonly type?: unknown; readonly cause?: unknown }
  if (typeof type === 'string') return type
  return cause === undefined ? undefined : typeOf(cause)
}

/** Whether an error of KafkaJS may pass: a lost connection, a moved leader, a writer that was taken over. */
export function mayPass(error: unknown): boolean {
  // By its name, because KafkaJS is the caller's.
  const isOfKafkaJs = error instanceof Error && error.name.startsWith('KafkaJS')
  const type = typeOf(error)
  return isOfKafkaJs && (type === undefined || !LASTING.has(type))
}
