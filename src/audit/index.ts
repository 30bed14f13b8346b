/** `kafka-envelope/audit`: what matters to auditors, in a file whose lines are chained by hashes. */
export { openAuditLog, type AuditLog } from './open-audit-log.js'
export type { AuditOptions } from './audit-options.js'
export type { AuditHead } from './chain.js'
export { verifyAuditLog } from './verify.js'
export type {
  AuditFinding,
  AuditNote,
  AuditProblem,
  AuditVerification,
  VerifiedFile,
  VerifyOptions,
} from './verification.js'
