import { isEnvelopeError, type ErrorCode, type EnvelopeError, type FailureKind } from '../errors.js'

type Test = (failure: unknown) => boolean

/** How to handle the failures of several CMKs. */
export interface FailureRule {
  /** Whether a CMK whose KMS failed transiently a short time ago is asked after the others. */
  readonly asksAwayLast: boolean
  /** Whether no other CMK is asked after these failures. */
  readonly isOver: (failures: readonly unknown[]) => boolean
  /**
   * Selects the failure to report: take the first of these tests that any failure passes, and report the first failure
   * that passes it. If no test passes, the first failure is reported.
   */
  readonly reports: readonly Test[]
}

/** Codes with which a KMS forbids the use of a CMK: to this identity (the first one), or to everyone. */
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

/**
 * For wrapping, which needs every CMK. No outage of one CMK may hide that another ends sealing (a denial) or a grace.
 */
export const WRAPPING: FailureRule = {
  asksAwayLast: false,
  isOver: () => false,
  reports: [isDenial, isFinal],
}

/**
 * For wrapping that needs any CMK, after all of them failed. One that fails transiently may work again soon, so a
 * denial of another one does not end the DEK in use.
 */
export const WRAPPING_ANY: FailureRule = {
  asksAwayLast: false,
  isOver: () => false,
  reports: [isTransient, isDenial],
}

/**
 * For unwrapping a stored DEK in order to seal. One CMK suffices to unwrap, but sealing needs them all, so a CMK that
 * is denied to everyone ends it. (A CMK that only this identity may not unwrap with does not.) A CMK that failed
 * transiently may still unwrap the DEK later. The order stays as configured: a CMK that failed a short time ago is
 * asked, since it may be denied by now.
 */
export const UNWRAPPING_TO_SEAL: FailureRule = {
  asksAwayLast: false,
  isOver: (failures) => failures.some(isCmkOff),
  reports: [isCmkOff, isTransient],
}

/**
 * For unwrapping the DEK of a record. All wrappings of an intact envelope hold the one DEK that its header commits to.
 * So if one KMS refuses a ciphertext DEK, or unwraps a different DEK, the envelope is forged, whatever the others say:
 * the record is invalid. Otherwise anyone who can write could add a wrapping under a CMK that a reader cannot use, or
 * whose KMS is down, and so stop the reader or make it wait. Without such a refusal the record may be intact: the
 * reader waits for a transient failure to end, and then reports that another reader may be able to open the record.
 */
export const UNWRAPPING_TO_OPEN: FailureRule = {
  asksAwayLast: true,
  isOver: (failures) => failures.filter(isInvalid).length >= MAX_INVALID,
  reports: [isInvalid, isTransient, is('unreadable')],
}

/** The failure to report, from a list of at least one. */
export function decisive(failures: readonly unknown[], { reports }: FailureRule): unknown {
  const test = reports.find((each) => failures.some(each))
  return test === undefined ? failures[0] : failures.find(test)
}
