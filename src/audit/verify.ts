import { createSecretKey } from 'node:crypto'
import * as v from 'valibot'
import { configError } from '../errors.js'
import { auditKey } from './audit-options.js'
import { lineHash } from './chain.js'
import { unusable } from './file-tail.js'
import { LineChecker } from './line-checker.js'
import { linesOf } from './lines-of.js'
import type { AuditVerification, VerifyOptions } from './verification.js'

const HASH = v.pipe(v.string('expected 64 hex digits'), v.regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits'))
const OPTIONS = v.strictObject({
  key: v.optional(auditKey),
  heads: v.optional(v.array(HASH), []),
  after: v.optional(HASH),
})

/**
 * Checks the files of one audit log, in order. Reads them as a stream.
 *
 * @throws EnvelopeError CONFIG_INVALID; AUDIT_LOG_UNUSABLE if a file cannot be read
 */
export async function verifyAuditLog(
  files: readonly string[],
  options: VerifyOptions = {},
): Promise<AuditVerification> {
  const parsed = v.safeParse(OPTIONS, options)
  if (!parsed.success)
    throw configError(
      parsed.issues.map((issue) => ({ path: v.getDotPath(issue) ?? '(root)', message: issue.message })),
      { subject: 'the options of verifyAuditLog()' },
    )
  const { key, heads, after } = parsed.output
  const checker = new LineChecker({
    hash: lineHash(key && createSecretKey(key)),
    isKeyed: key !== undefined,
    heads,
    ...(after === undefined ? {} : { after }),
  })
  for (const file of files) {
    checker.begin(file)
    try {
      for await (const line of linesOf(file)) checker.line(line)
    } catch (error) {
      throw unusable(file, 'cannot be read', error)
    }
    checker.end()
  }
  return checker.result()
}
