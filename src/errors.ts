import { isNativeError } from 'node:util/types'

/**
 * What a failure says about a record, and so what a consumer may do about it.
 *
 * - `transient`: nothing is wrong with the record; the KMS, or the topic for dead letters, could not
 *   answer now. Wait and retry.
 * - `unreadable`: this reader is not able to open it; another, or a later one, may be. No fixed policy skips it.
 * - `invalid`: the record is not what the rule requires; no reader should accept it.
 */
export type FailureKind = 'transient' | 'unreadable' | 'invalid'

interface CodeRow {
  /** Whether a KMS may be where it comes from; then the error says what the KMS said. */
  readonly fromKms?: true
  /** Absent where the failure is about a call or a configuration, not about a record or a KMS. */
  readonly kind?: FailureKind
  /** What to do about it. Ends every message. */
  readonly remedy: string
}

/** Every code, its kind and its remedy in one place. Codes are API: they are added, never renamed. */
const CODES = {
  // Opening, in the order of checks
  NOT_SEALED: {
    kind: 'invalid',
    remedy:
      'Find who writes plaintext to this topic; for a migration allow it up to stated offsets (`decrypt.plaintext`)',
  },
  UNKNOWN_FORMAT: {
    kind: 'unreadable',
    remedy:
      'Upgrade kafka-envelope if a newer version wrote it; list the fingerprint in `decrypt.plaintext.fingerprints` if it is the schema of your own application',
  },
  MALFORMED: {
    kind: 'invalid',
    remedy: 'The bytes are damaged or were not written by kafka-envelope; look at who writes to this topic',
  },
  UNKNOWN_SUITE: { kind: 'unreadable', remedy: 'Upgrade kafka-envelope on this reader' },
  UNKNOWN_COMPRESSION: {
    kind: 'unreadable',
    remedy: 'Upgrade kafka-envelope, or Node.js to 22.15 or later where the compression is zstd',
  },
  WRONG_TOPIC: {
    kind: 'invalid',
    remedy:
      'Someone copied the record from another topic; where that is intended (mirror, dead letters) name the original topic in `decrypt.originalTopics`',
  },
  REQUIREMENT_UNMET: {
    kind: 'invalid',
    remedy: 'Make the producer bind what `decrypt.require` asks for, or relax the rule',
  },
  TOMBSTONE_REJECTED: {
    kind: 'invalid',
    remedy: 'Do not write null values to this topic, or set `tombstones: pass` in the rule',
  },
  NO_CANDIDATE: {
    kind: 'unreadable',
    remedy:
      'Add the CMK to `decrypt.cmk` of the rule if you trust it; wrappings made with a public key also need `acceptPublicKeySealing: true`',
  },
  UNWRAP_FAILED: {
    fromKms: true,
    kind: 'invalid',
    remedy: 'The ciphertext DEK was damaged, forged, or belongs to another CMK or encryption context',
  },
  COMMITMENT_MISMATCH: {
    kind: 'invalid',
    remedy: 'The envelope was forged or damaged: its DEK is not the one that its header commits to',
  },
  AUTHENTICATION_FAILED: {
    kind: 'invalid',
    remedy: 'The record was changed after sealing, or its key or bound headers were',
  },
  DECOMPRESSION_FAILED: {
    kind: 'invalid',
    remedy: 'The producer sealed a body that is not one gzip member or zstd frame',
  },
  TOO_LARGE: {
    kind: 'invalid',
    remedy: 'Raise `decrypt.maxDecompressedBytes` if values of this size are expected',
  },
  TOO_MANY_BAD_RECORDS: {
    remedy: 'Look at the record.rejected events; the share is set by `decrypt.maxInvalidShare`',
  },
  DEAD_LETTER_FAILED: {
    kind: 'transient',
    remedy:
      'Nothing was skipped: the consumer tries again; if it lasts, see that the topic exists and that the producer given as `deadLetters` is connected',
  },
  DEAD_LETTER_REFUSED: {
    remedy:
      'The consumer stopped at the record; raise max.message.bytes of the topic for dead letters, let this process write to it, or make it one that does not compact; a record above 128 MiB needs another policy',
  },
  REJECTION_HANDLER_FAILED: {
    remedy:
      "The consumer stopped at the record; correct the handler, which answers 'stop', 'skip', { deadLetter: topic } or { value }",
  },

  // Sealing
  TOPIC_NOT_CONFIGURED: {
    kind: 'unreadable',
    remedy:
      'Add the topic to a rule: with `encrypt` or `decrypt`, or with `passthrough: true` if it is to stay plain',
  },
  INVALID_RECORD: {
    remedy: 'Give values and keys as a Buffer, a string or null; nothing was sent',
  },
  ALREADY_SEALED: {
    remedy:
      'The value already is an envelope; set `encrypt.passSealed: true` if sealed records pass through here',
  },
  RECORD_TOO_LARGE: {
    remedy:
      'Raise `encrypt.maxBatchBytes` together with max.message.bytes of the topic, or turn on `compression`',
  },
  PARTITIONER_WITHOUT_PLAINTEXT: {
    remedy: 'Wrap the partitioner, so that it sees messages as they were before sealing',
  },
  DEK_LIMIT_TOO_SMALL: { remedy: 'Raise `rotate.maxBytes` above the largest record' },
  DEK_EXHAUSTED: {
    remedy: 'Provision a new ciphertext DEK (`encryption.createProvisionedDek(rule)`) and configure it',
  },
  KEY_WAIT_TIMEOUT: {
    kind: 'transient',
    remedy:
      'Look at kms.call events: where calls are slow or get no answer, look at the KMS and the network path to it; where they are fast, rotate less often or raise `kmsRateLimit.sealing`',
  },

  // KMS and keys
  KMS_UNAVAILABLE: {
    fromKms: true,
    kind: 'transient',
    remedy: 'Retry; if it lasts, look at the KMS and the network path to it',
  },
  KMS_THROTTLED: {
    fromKms: true,
    kind: 'transient',
    remedy: 'Retry later, rotate less often, or raise the quota at the KMS',
  },
  KMS_TIMEOUT: {
    fromKms: true,
    kind: 'transient',
    remedy: 'Retry; if it lasts, look at the KMS and the network path to it',
  },
  KMS_RATE_LIMITED: {
    kind: 'transient',
    remedy:
      'Retry later; if it lasts, look for a flood of foreign envelopes, or raise `kmsRateLimit` below the quota of the KMS',
  },
  KMS_DENIED: { fromKms: true, kind: 'unreadable', remedy: 'Grant this process the right to use the CMK' },
  KMS_REFUSED: {
    fromKms: true,
    kind: 'unreadable',
    remedy: 'Look up the code that the KMS gave; waiting does not help',
  },
  KMS_CREDENTIALS_UNAVAILABLE: {
    fromKms: true,
    kind: 'transient',
    remedy: 'Retry; if it lasts, look at where this process gets its credentials from',
  },
  KMS_SDK_MISSING: {
    remedy: 'Run `npm install tencentcloud-sdk-nodejs` (or tencentcloud-sdk-nodejs-common, which is smaller)',
  },
  KMS_RESPONSE_INVALID: {
    fromKms: true,
    kind: 'transient',
    remedy:
      'Retry; if it lasts, check the endpoint, the proxy and the provider: something other than the KMS may be answering',
  },
  CMK_NOT_FOUND: {
    fromKms: true,
    kind: 'unreadable',
    remedy: 'Check the id of the CMK and whether it was deleted',
  },
  CMK_DISABLED: { fromKms: true, kind: 'unreadable', remedy: 'Enable the CMK again; nothing was lost' },
  CMK_MISMATCH: {
    fromKms: true,
    kind: 'invalid',
    remedy: 'The ciphertext DEK belongs to a CMK other than the one it claims',
  },
  CMK_UNUSABLE: {
    fromKms: true,
    kind: 'unreadable',
    remedy: 'The CMK cannot do this (a public key, for example, cannot unwrap); use one that can',
  },
  CIPHERTEXT_DEK_INVALID: {
    fromKms: true,
    kind: 'invalid',
    remedy: 'The ciphertext DEK was damaged, forged, or belongs to another CMK or encryption context',
  },
  KEY_DESTROYED: {
    remedy: 'The key was wiped; take a new one (this is a bug in kafka-envelope if you did nothing)',
  },
  ENCRYPTION_CLOSED: { remedy: 'Call close() only after producers and consumers were disconnected' },

  // Configuration and keyrings
  CONFIG_INVALID: { remedy: 'Correct the configuration; nothing was started' },
  KEYRING_NOT_FOUND: {
    kind: 'unreadable',
    remedy: 'Create it with `npx kafka-envelope keyring create FILE --cmk NAME`',
  },
  KEYRING_EXISTS: {
    remedy:
      'Nothing was changed: choose another name, or add a CMK to the keyring that exists, with `npx kafka-envelope keyring add FILE --cmk NAME`',
  },
  KEYRING_EXPOSED: {
    kind: 'unreadable',
    remedy:
      'Let only its owner read the file: `chmod 600`, or `defaultMode: 0400` where Kubernetes mounts it from a Secret (see docs/recipes.md). Replace its keys if others may have read them',
  },
  KEYRING_INVALID: {
    kind: 'unreadable',
    remedy: 'Restore the file from a backup; it is not a keyring as kafka-envelope writes it',
  },
  KEYRING_BUSY: {
    remedy: 'Wait for the other process; if none is running, delete the .lock file beside the keyring',
  },

  // Command line
  EMULATOR_MISSING: { remedy: 'Run `npm install --save-dev kafka-envelope-tencent-kms-emulator`' },
} as const satisfies Record<string, CodeRow>

/** A stable code. Recognise errors by it, not by class: two copies of the package may be loaded. */
export type ErrorCode = keyof typeof CODES

/** Where a record is, as far as the reader knows. */
export interface RecordPosition {
  readonly topic: string
  readonly partition?: number
  /** Kafka offset, decimal. */
  readonly offset?: string
  /** Where the record is in what was passed to the call, for example `messages[3]`. */
  readonly path?: string
}

/** One mistake in a configuration. */
export interface ConfigIssue {
  /** Where it is, for example `topics[0].encrypt.rotate.maxAge`. */
  readonly path: string
  /** What was expected there, and what is there instead (never a secret). */
  readonly message: string
  /** Its line in a configuration file, from 1. */
  readonly line?: number
  /** Its column, from 1. */
  readonly column?: number
}

interface ErrorOptions {
  readonly cause?: unknown
  /** Replaces the code's own remedy where more is known: a message has one remedy, without its final full stop. */
  readonly remedy?: string
  readonly position?: RecordPosition
  readonly issues?: readonly ConfigIssue[]
  readonly kmsCode?: string
  readonly requestId?: string
}

/**
 * The one error that this library throws. `message` says what is wrong and what to do; it never
 * contains key bytes, plaintext or record content.
 */
export class EnvelopeError extends Error {
  override readonly name = 'EnvelopeError'
  readonly code: ErrorCode
  /** What the failure says about the record; absent where it is not about a record or a KMS. */
  readonly kind: FailureKind | undefined
  /** Whether the same call may succeed later. Some Kafka clients read it: `false` ends a consumer for good. */
  readonly retriable: boolean
  readonly position: RecordPosition | undefined
  /** All mistakes in a configuration; empty for other codes. */
  readonly issues: readonly ConfigIssue[]
  /** The code that the KMS itself gave, where it gave one, for example `ResourceUnavailable.CmkDisabled`. */
  readonly kmsCode: string | undefined
  /** The id that the KMS gave the call, if any: for its logs and its support. */
  readonly requestId: string | undefined
  readonly #what: string
  readonly #options: ErrorOptions

  constructor(code: ErrorCode, what: string, options: ErrorOptions = {}) {
    const row: CodeRow = CODES[code]
    const at = options.position === undefined ? '' : ` at ${describePosition(options.position)}`
    super(
      `${code}${at}: ${what}. ${options.remedy ?? row.remedy}.`,
      'cause' in options ? { cause: options.cause } : {},
    )
    this.code = code
    this.kind = row.kind
    this.retriable = row.kind === 'transient'
    this.position = options.position
    this.issues = options.issues ?? []
    this.kmsCode = options.kmsCode
    this.requestId = options.requestId
    this.#what = what
    this.#options = options
  }

  /** The same error with the position of the record. */
  at(position: RecordPosition): EnvelopeError {
    return new EnvelopeError(this.code, this.#what, { ...this.#options, position })
  }
}

type Row<Code extends ErrorCode> = (typeof CODES)[Code]

/** An error with one code, and with what that code says about its members. */
export interface EnvelopeErrorWith<Code extends ErrorCode> extends EnvelopeError {
  readonly code: Code
  readonly kind: Row<Code> extends { readonly kind: infer Kind extends FailureKind } ? Kind : undefined
  readonly retriable: Row<Code> extends { readonly kind: 'transient' } ? true : false
  readonly issues: Code extends 'CONFIG_INVALID' ? readonly ConfigIssue[] : readonly []
  readonly kmsCode: Row<Code> extends { readonly fromKms: true } ? string | undefined : undefined
  readonly requestId: Row<Code> extends { readonly fromKms: true } ? string | undefined : undefined
}

/** Every error of this library. `switch (error.code)` narrows its other members. */
export type AnyEnvelopeError = { [Code in ErrorCode]: EnvelopeErrorWith<Code> }[ErrorCode]

/** Whether `error` is one of this library's, even if another copy of the package threw it, or one in another realm. */
export function isEnvelopeError(error: unknown): error is AnyEnvelopeError {
  return (
    isNativeError(error) &&
    error.name === 'EnvelopeError' &&
    Object.hasOwn(CODES, (error as Partial<EnvelopeError>).code ?? '')
  )
}

/** Every code there is, for tables in tests and documentation. */
export function errorCodes(): readonly ErrorCode[] {
  return Object.keys(CODES) as ErrorCode[]
}

/** The error that reports mistakes in a configuration or in options. */
export function configError(
  issues: readonly ConfigIssue[],
  { subject = 'the configuration', cause }: { readonly subject?: string; readonly cause?: unknown } = {},
): EnvelopeErrorWith<'CONFIG_INVALID'> {
  const lines = issues.map(describeIssue)
  const what =
    lines.length === 1
      ? `mistake in ${subject}: ${lines.join('')}`
      : `${String(lines.length)} mistakes in ${subject}${lines.map((line) => `\n  ${line}`).join('')}`
  const error = new EnvelopeError('CONFIG_INVALID', what, {
    issues,
    ...(cause === undefined ? {} : { cause }),
  })
  return error as EnvelopeErrorWith<'CONFIG_INVALID'>
}

/** One mistake in one line. */
export function describeIssue({ path, message, line, column }: ConfigIssue): string {
  return `${path}: ${message}${line === undefined ? '' : ` (line ${String(line)}, column ${String(column)})`}`
}

/** A topic as messages name it: one that Kafka would not accept is quoted and cut. */
export function shownTopic(topic: string): string {
  return /^[\w.-]{1,249}$/.test(topic) ? topic : JSON.stringify(topic.slice(0, 60))
}

function describePosition({ topic, partition, offset, path }: RecordPosition): string {
  return [
    `topic ${shownTopic(topic)}`,
    ...(partition === undefined ? [] : [`partition ${String(partition)}`]),
    ...(offset === undefined ? [] : [`offset ${offset}`]),
    ...(path === undefined ? [] : [path]),
  ].join(', ')
}
