import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { openAuditLog } from '../../audit/index.js'
import type { Encryption } from '../../index.js'

export interface AuditOptions {
  readonly audit?: string
  readonly auditKeyFile?: string
}

/** Adds `--audit` and `--audit-key-file`. */
export function withAuditOptions(command: Command): Command {
  return command
    .option('--audit <file>', 'write what is done to this audit log')
    .option('--audit-key-file <file>', 'the key of the audit log: the exact bytes of this file')
}

/** Runs with an audit log, if one was asked for. */
export async function audited(
  encryption: Encryption,
  { audit: file, auditKeyFile }: AuditOptions,
  work: () => Promise<void>,
): Promise<void> {
  if (file === undefined) {
    if (auditKeyFile !== undefined) throw new Error('error: --audit-key-file needs --audit')
    return work()
  }
  const key = auditKeyFile === undefined ? undefined : await readFile(auditKeyFile)
  const log = await openAuditLog(encryption, { file, ...(key && { key }) })
  try {
    await work()
  } finally {
    await log.close()
  }
}
