import { isNativeError } from 'node:util/types'
import { CODES, type CodeRow, type ErrorCode, type FailureKind } from './error-codes.js'

export type { ErrorCode, FailureKind } from './error-codes.js'

/** Where a record is, as far as the reader knows. */
export interface RecordPosition {
  readonly topic: string
  readonly partition?: number
  /** Kafka offset, decimal. */
  readonly offset?: string
  /** Where the record is in the arguments of the call, for example `messages[3]`. */
  readonly path?: string
}

/** One mistake in a configuration. */
export interface ConfigIssue {
  /** Where it is, for example `topics[0].encrypt.rotate.maxAge`. */
  readonly path: string
  /** The expected value, and the one found instead (never a secret). */
  readonly message: string
  /** Its line in a configuration file, from 1. */
  readonly line?: number
  /** Its column, from 1. */
  readonly column?: number
}

/** Details of a failure, in addition to its code. */
export interface EnvelopeErrorOptions {
  readonly cause?: unknown
  /** Replaces the code's own remedy if more is known. A message has one remedy; leave out its final full stop. */
  readonly remedy?: string
  readonly position?: RecordPosition
  readonly issues?: readonly ConfigIssue[]
  readonly kmsCode?: string | undefined
  readonly requestId?: string | undefined
}

/**
 * The only error class that this library throws. `message` says what is wrong and what to do; it never
 * contains key bytes, plaintext or record content.
 */
export class EnvelopeError extends Error {
  override readonly name = 'EnvelopeError'
  readonly code: ErrorCode
  /** The meaning of the failure for the record; absent if it concerns neither a record nor a KMS. */
  readonly kind: FailureKind | undefined
  /** Whether the same call may succeed later. Some Kafka clients read it: `false` stops a consumer permanently. */
  readonly retriable: boolean
  readonly position: RecordPosition | undefined
  /** All mistakes in a configuration; empty for other codes. */
  readonly issues: readonly ConfigIssue[]
  /** The code that the KMS itself returned, if any, for example `ResourceUnavailable.CmkDisabled`. */
  readonly kmsCode: string | undefined
  /** The request id that the KMS returned, if any. Quote it to the vendor's support. */
  readonly requestId: string | undefined
  readonly #what: string
  readonly #options: EnvelopeErrorOptions

  constructor(code: ErrorCode, what: string, options: EnvelopeErrorOptions = {}) {
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

  /** What is wrong: the message without code, position and remedy. */
  get what(): string {
    return this.#what
  }

  /** What to do about it: the end of the message, without its full stop. */
  get remedy(): string {
    return this.#options.remedy ?? CODES[this.code].remedy
  }

  /** Returns the same error with the position of the record. */
  at(position: RecordPosition): EnvelopeError {
    return new EnvelopeError(this.code, this.#what, { ...this.#options, position })
  }
}

/** An error with a given code; the code narrows the types of its other members. */
export interface EnvelopeErrorWith<Code extends ErrorCode> extends EnvelopeError {
  readonly code: Code
  readonly kind: (typeof CODES)[Code] extends { readonly kind: infer Kind extends FailureKind }
    ? Kind
    : undefined
  readonly retriable: (typeof CODES)[Code] extends { readonly kind: 'transient' } ? true : false
  readonly issues: Code extends 'CONFIG_INVALID' ? readonly ConfigIssue[] : readonly []
  readonly kmsCode: (typeof CODES)[Code] extends { readonly fromKms: true } ? string | undefined : undefined
  readonly requestId: (typeof CODES)[Code] extends { readonly fromKms: true } ? string | undefined : undefined
}

/** Every error of this library. `switch (error.code)` narrows its other members. */
export type AnyEnvelopeError = { [Code in ErrorCode]: EnvelopeErrorWith<Code> }[ErrorCode]

/** Whether `error` comes from this library, even if it was thrown by another copy of the package or in another realm. */
export function isEnvelopeError(error: unknown): error is AnyEnvelopeError {
  return (
    isNativeError(error) &&
    error.name === 'EnvelopeError' &&
    Object.hasOwn(CODES, (error as Partial<EnvelopeError>).code ?? '')
  )
}

/** All codes, for tables in tests and documentation. */
export function errorCodes(): readonly ErrorCode[] {
  return Object.keys(CODES) as ErrorCode[]
}

/** A code with which a record may fail to open, so that policy, or an operator, decides about it. */
export type RejectionCode = {
  [Code in ErrorCode]: (typeof CODES)[Code] extends { readonly kind: 'invalid' | 'unreadable' }
    ? Exclude<Code, 'TOPIC_NOT_CONFIGURED'>
    : never
}[ErrorCode]

/** All of them. Topics without a rule have no records that fail to open. */
export function rejectionCodes(): readonly RejectionCode[] {
  const rows = Object.entries<CodeRow>(CODES)
  return rows
    .filter(
      ([code, { kind }]) => code !== 'TOPIC_NOT_CONFIGURED' && (kind === 'invalid' || kind === 'unreadable'),
    )
    .map(([code]) => code as RejectionCode)
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

/** A topic's name for a message: one that Kafka would not accept is quoted and truncated. */
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
