/** How bad a finding is. `error`: something does not work. `warning`: it may fail, or protects less. `note`: worth knowing. */
export type Severity = 'error' | 'warning' | 'note'

/** Every finding that the doctor knows, with how bad it is. Ids are API: they are added, never renamed. */
export const FINDINGS = {
  // Configuration
  'config-invalid': 'error',
  'grace-too-long': 'warning',
  'dek-timeout-too-long': 'warning',
  'dead-letters-refused': 'warning',
  'tombstones-refused': 'warning',
  'prefetch-off': 'note',
  'provisioned-dek-ends': 'note',
  'plaintext-accepted': 'note',
  'cache-outlives-cmk': 'note',
  'dek-age-long': 'note',
  'override-active': 'note',
  'override-expired': 'note',

  // The program
  'node-too-old': 'error',
  'engine-unusable': 'error',
  'native-engine-unusable': 'warning',
  'kafkajs-unsupported': 'warning',
  'dek-store-failed': 'warning',

  // KMSs
  'kms-unreachable': 'error',
  'kms-denied': 'error',
  'cmk-not-found': 'error',
  'cmk-disabled': 'error',
  'cmk-unusable': 'error',
  'keyring-exposed': 'error',
  'kms-failed': 'error',
  'clock-refused': 'error',
  'public-key-refused': 'error',
  'rule-cannot-read-back': 'warning',
  'may-unwrap': 'warning',
  'may-make-deks': 'note',
  'keyring-holds-whole-cmk': 'note',

  // Topics
  'kafka-unreachable': 'error',
  'topic-missing': 'error',
  'topic-unavailable': 'error',
  'message-format-old': 'error',
  'batch-limit-too-high': 'error',
  'plaintext-open': 'warning',
  'compacted-without-tombstones': 'warning',
  'batch-limit-low': 'note',
  'rule-without-topic': 'note',
  'topic-without-rule': 'note',
  'auto-create-on': 'note',
  'kept-forever': 'note',
  'tombstones-unauthenticated': 'note',
  'cache-small': 'note',
  'plaintext-over': 'note',

  // Dead letters
  'dead-letter-topic-missing': 'error',
  'dead-letter-topic-compacted': 'error',
  'dead-letter-topic-small': 'warning',
  'dead-letter-retention-short': 'warning',
  'dead-letter-replication-low': 'warning',

  // Canary
  'canary-failed': 'error',
  'clock-skew': 'warning',
} as const satisfies Record<string, Severity>

export type FindingId = keyof typeof FINDINGS

/** The parts of a setup, in the order in which they are checked. */
export const AREAS = ['configuration', 'program', 'KMS', 'clock', 'Kafka', 'topics', 'canary'] as const
export type Area = (typeof AREAS)[number]

/** Something that is not as it should be, or that is worth knowing. Its text may come from a cluster: escape it. */
export interface Finding {
  readonly id: FindingId
  readonly severity: Severity
  /** What it is about, such as `topic orders`, `rule orders.*` or `CMK orders-2025`. */
  readonly subject: string
  /** What is so: one sentence. */
  readonly what: string
  /** What to do about it: one sentence. */
  readonly remedy: string
}

/** Something that was checked and is in order, or could not be checked. */
export interface Remark {
  readonly area: Area
  /** What was found to be in order, or why it could not be checked. No full stop. */
  readonly text: string
}

/** What a check says. */
export type Outcome =
  { readonly finding: Finding } | { readonly fine: Remark } | { readonly unchecked: Remark }

export interface Diagnosis {
  readonly subject: string
  readonly what: string
  readonly remedy: string
  /** Default as `FINDINGS` says. */
  readonly severity?: Severity
}

export function found(id: FindingId, { subject, what, remedy, severity = FINDINGS[id] }: Diagnosis): Outcome {
  return { finding: { id, severity, subject, what: sentence(what), remedy: sentence(remedy) } }
}

export function fine(area: Area, text: string): Outcome {
  return { fine: { area, text } }
}

export function unchecked(area: Area, text: string): Outcome {
  return { unchecked: { area, text } }
}

/** With a capital letter and a full stop. A name in backticks stays as it is. */
function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`
}
