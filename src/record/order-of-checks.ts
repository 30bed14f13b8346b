import type { ErrorCode } from '../errors.js'

/**
 * What is checked before the value of a record is delivered, in order. The place in the list is the number of the step in
 * docs/format.md, section 13.
 */
export const CHECKS = [
  'tombstone',
  'prefix',
  'envelope',
  'header',
  'suite',
  'compression',
  'topic',
  'requirements',
  'candidates',
  'unwrapping',
  'commitment',
  'authentication',
  'decompression',
] as const

export type Check = (typeof CHECKS)[number]

/** Hears of a check just before it is made. */
export type Checking = (check: Check) => void

const WITH_A_KEY: Partial<Record<ErrorCode, Check>> = {
  COMMITMENT_MISMATCH: 'commitment',
  AUTHENTICATION_FAILED: 'authentication',
  DECOMPRESSION_FAILED: 'decompression',
  TOO_LARGE: 'decompression',
}

/** The check that an envelope failed which had passed all checks that need no key. Other codes come from a KMS. */
export function checkWithKey(code: ErrorCode): Check {
  return WITH_A_KEY[code] ?? 'unwrapping'
}
