import { isEnvelopeError, type ErrorCode, type EnvelopeError, type FailureKind } from '../errors.js'

type Test = (failure: unknown) => boolean

/** What to do about the failures of several CMKs. */
export interface FailureRule {
  /** Whether a CMK whose KMS failed transiently a moment ago is asked after the others. */
  readonly asksAwayLast: boolean
  /** Whether no other CMK is asked after these failures. */
  readonly isOver: (failures: readonly unknown[]) => boolean
  /**
   * What is reported: the first failure that passes the first of these tests that any failure passes, else the first
   * one.
   */
  readonly reports: readonly Test[]
}

/** A KMS says that a CMK must not be used: by anyone, or, by the first code, by this identity. */
const DENIALS: ReadonlySet<ErrorCode> = new Set([
  'KMS_DENIED',
  'CMK_DISABLED',
  'CMK_NOT_FOUND',
  'CMK_UNUSABLE',
])

export function isDenial(failure: unknown): failure is EnvelopeError {
  return isEnvelopeError(failure) && DENIALS.has(failure.code)
}

/** Whether the CMK is denied to everyone. */
function isCmkOff(failure: unknown): boolean {
  return isDenial(failure) && failure.code !== 'KMS_DENIED'
}

const is =
  (kind: FailureKind): Test =>
  (failure) =>
    isEnvelopeError(failure) && failure.kind === kind

const isInvalid = is('invalid')
const isTransient = is('transient')
const isFinal: Test = (failure) => !isTransient(failure)

/** Invalid wrappings of one DEK. A forged envelope must not buy more KMS calls than this. */
const MAX_INVALID = 2

/** Wrapping, which every CMK must do. No outage of one CMK may hide that another ends sealing (a denial) or a grace. */
export const WRAPPING: FailureRule = {
  asksAwayLast: false,
  isOver: () => false,
  reports: [isDenial, isFinal],
}

/**
 * Unwrapping a stored DEK, in order to seal. One CMK suffices, but sealing needs them all: one that is denied to
 * everyone ends it. (A CMK that only this identity may not use for unwrapping does not.) A CMK that failed transiently
 * may still unwrap the DEK later. The order stays as configured: a CMK that failed a moment ago may be denied by now,
 * so it is asked.
 */
export const UNWRAPPING_TO_SEAL: FailureRule = {
  asksAwayLast: false,
  isOver: (failures) => failures.some(isCmkOff),
  reports: [isCmkOff, isTransient],
}

/**
 * Unwrapping the DEK of a record. All wrappings of an intact envelope hold the one DEK that its header commits to. So
 * if one KMS refuses a ciphertext DEK, or unwraps another DEK, the envelope is forged, whatever the other KMSs say: the
 * record is invalid. Otherwise anyone who can write could add a wrapping under a CMK that a reader cannot use, or whose
 * KMS is down, and so stop the reader or make it wait. Without such a refusal the record may be intact: the reader
 * waits for a transient failure to end, and then reports that another reader may be able to open the record.
 */
export const UNWRAPPING_TO_OPEN: FailureRule = {
  asksAwayLast: true,
  isOver: (failures) => failures.filter(isInvalid).length >= MAX_INVALID,
  reports: [isInvalid, isTransient, is('unreadable')],
}

/** The failure that counts, out of at least one. */
export function decisive(failures: readonly unknown[], { reports }: FailureRule): unknown {
  const test = reports.find((each) => failures.some(each))
  return test === undefined ? failures[0] : failures.find(test)
}
