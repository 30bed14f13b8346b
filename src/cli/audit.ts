import { readFile } from 'node:fs/promises'
import { InvalidArgumentError, Option, type Command } from 'commander'

import { verifyAuditLog, type AuditVerification } from '../audit/index.js'
import { printable } from './printable.js'
import { safeJson } from './safe-json.js'

interface VerifyArguments {
  readonly keyFile?: string
  readonly head?: readonly string[]
  readonly after?: string
  readonly json?: true
}

/** `kafka-envelope audit verify FILE…`: finds lines of an audit log that were removed, moved, inserted or changed. */
export function registerAudit(program: Command): void {
  program
    .command('audit')
    .description('check audit logs')
    .command('verify')
    .description('verify that no line was removed, moved, inserted or changed; exit code 2 if one was')
    .argument('<file...>', 'the files of one log, in the order in which they were written')
    .option('--key-file <file>', 'the key that the log was written with: the exact bytes of this file')
    .addOption(
      new Option(
        '--head <hash>',
        'a hash that was kept elsewhere: it must be that of a line; may be repeated',
      ).argParser((text, before: readonly string[] | undefined) => [...(before ?? []), hash(text)]),
    )
    .addOption(
      new Option(
        '--after <hash>',
        'the hash of the line before the first, if earlier files are not given',
      ).argParser(hash),
    )
    .option('--json', 'print one JSON object instead of text')
    .action(verify)
}

async function verify(
  files: readonly string[],
  { keyFile, head = [], after, json }: VerifyArguments,
): Promise<void> {
  const result = await verifyAuditLog(files, {
    heads: head,
    ...(keyFile === undefined ? {} : { key: await readFile(keyFile) }),
    ...(after === undefined ? {} : { after }),
  })
  if (!result.isIntact) process.exitCode = 2
  process.stdout.write(json ? safeJson(result) : textOf(result, head.length))
}

function textOf(result: AuditVerification, heads: number): string {
  const { files, findings, findingCount, notes, head, isIntact } = result
  const left = findingCount - findings.length
  const lines = [
    ...files.map(({ file, lines: count, firstSeq, lastSeq }) => {
      const numbers = firstSeq === undefined ? '' : `, numbers ${String(firstSeq)} to ${String(lastSeq)}`
      return `${shown(file)}: ${count === 1 ? '1 line' : `${String(count)} lines`}${numbers}`
    }),
    ...notes.map(({ file, line, message }) => `note: ${shown(file)}:${String(line)}: ${message}`),
    ...findings.map(({ file, line, problem, message }) => {
      const place = file === undefined ? '' : `${shown(file)}:${String(line)}: `
      return `BROKEN (${problem}): ${place}${message}`
    }),
    ...(left > 0 ? [`and ${String(left)} more`] : []),
    ...(head === undefined ? [] : [`head: ${String(head.seq)} ${head.hash}`]),
    isIntact
      ? `intact${heads === 0 ? '; compare the head with one that was kept elsewhere (--head): nothing else shows lines removed at the end' : ''}`
      : findingCount === 1
        ? '1 finding'
        : `${String(findingCount)} findings`,
  ]
  return `${lines.join('\n')}\n`
}

/** Someone else may have chosen the name of a file, to write to the terminal. */
function shown(file: string): string {
  return printable(Buffer.from(file))
}

function hash(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError('Expected 64 hex digits.')
  return text
}
