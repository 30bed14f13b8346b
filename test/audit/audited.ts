import { readFile } from 'node:fs/promises'
import { openAuditLog, type AuditLog, type AuditOptions } from '../../src/audit/index.js'
import { owner, type Owner, type OwnerOptions } from '../keys/owner.js'
import { emitted } from '../support/emissions.js'

/** A line of an audit log. */
export type Line = Readonly<Record<string, unknown>> & {
  readonly seq: number
  readonly event: string
  readonly prev: string
  readonly hash: string
}

/** The lines of a file, which the after-all tests search for secrets too. */
export async function linesIn(file: string): Promise<Line[]> {
  const text = await readFile(file, 'utf8')
  emitted('log', text)
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

/** An owner whose events go to an audit log. */
export async function audited(
  file: string,
  options: Partial<AuditOptions> = {},
  ownerOptions: OwnerOptions = {},
): Promise<Owner & { readonly audit: AuditLog; end(): Promise<void> }> {
  const made = await owner(ownerOptions)
  const audit = await openAuditLog(made.encryption, { file, ...options })
  return {
    ...made,
    audit,
    end: async () => {
      await made.encryption.close()
      await audit.close()
    },
  }
}
