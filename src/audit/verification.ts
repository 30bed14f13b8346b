import type { AuditHead } from './chain.js'

/** Options of {@link verifyAuditLog}. */
export interface VerifyOptions {
  /** The key that the log was written with. Without it, only a log that was written without one can be verified. */
  readonly key?: Uint8Array
  /** Hashes of lines that were kept elsewhere, such as those that `onHead` got: each must be in the log. */
  readonly heads?: readonly string[]
  /** The hash of the last line of the file before the first one, if that is not given. */
  readonly after?: string
}

/**
 * - `changed`: the hash of the line is not that of its bytes, or it was made with another key
 * - `missing`: numbers of lines are missing before this one
 * - `order`: the line does not come after the line before it: it was moved, repeated or inserted
 * - `link`: the line follows another line than the one before it, which was replaced
 * - `beginning`: the first line does not begin a log, so that files before it are missing
 * - `restarted`: another log begins here
 * - `unreadable`: not a line of an audit log
 * - `unfinished`: the last line is not finished: its process crashed, or is writing it now
 * - `empty`: there is no line
 * - `head`: no line has this hash: lines were removed at the end, or all were replaced
 */
export type AuditProblem =
  | 'changed'
  | 'missing'
  | 'order'
  | 'link'
  | 'beginning'
  | 'restarted'
  | 'unreadable'
  | 'unfinished'
  | 'empty'
  | 'head'

export interface AuditFinding {
  readonly problem: AuditProblem
  readonly message: string
  /** Absent for `head`. */
  readonly file?: string
  /** From 1. */
  readonly line?: number
}

/** Not a finding: an honest log may have it. */
export interface AuditNote {
  readonly message: string
  readonly file: string
  readonly line: number
}

export interface VerifiedFile {
  readonly file: string
  readonly lines: number
  readonly firstSeq?: number
  readonly lastSeq?: number
}

export interface AuditVerification {
  /** Whether there is no finding. */
  readonly isIntact: boolean
  readonly files: readonly VerifiedFile[]
  /** The first hundred. */
  readonly findings: readonly AuditFinding[]
  readonly findingCount: number
  /** The first hundred. */
  readonly notes: readonly AuditNote[]
  /** The last line. Compare it with what was kept elsewhere. */
  readonly head?: AuditHead
}
