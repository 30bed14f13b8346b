import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AUDITED } from '../../src/audit/audited-events.js'
import type { EncryptionEvents } from '../../src/index.js'
import { createKeyring } from '../../src/kms/local/index.js'
import { internalsOf } from '../../src/record/internals.js'
import { audited, linesIn } from '../audit/audited.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
let page: string
let folder: string

beforeAll(async () => {
  page = await readFile(join(root, 'docs/audit.md'), 'utf8')
  // Inside the project, so that packages are found.
  folder = await mkdtemp(join(root, 'test/.audit-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** What differs from run to run. */
function withoutChance(text: string): string {
  return text
    .replaceAll(/\b[0-9a-f]{64}\b/g, (hash) => (/^0+$/.test(hash) ? 'zeros' : 'hash'))
    .replaceAll(/\b[0-9a-f]{32}\b/g, 'id')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'time')
    .replaceAll(/"(pid|ageMs)":\d+/g, '"$1":0')
    .replaceAll(/"(host|node|version|engine)":"[^"]*"/g, '"$1":""')
    .trim()
}

describe('docs/audit.md', () => {
  it('docs/audit.md shows what its program prints and writes, and what verification says of it', async () => {
    const [, code = ''] = /^```ts\n(.*?)^```/ms.exec(page) ?? []
    const shown = [...page.matchAll(/^```text\n(.*?)^```/gms)].map(([, text = '']) => withoutChance(text))
    await createKeyring(join(folder, 'dev.keyring'), [{ id: 'orders', type: 'aes-256' }])
    await writeFile(join(folder, 'audit.key'), randomBytes(32))
    await writeFile(
      join(folder, 'program.ts'),
      code
        .replace("'kafka-envelope'", `'${root}src/index.ts'`)
        .replaceAll(/'kafka-envelope\/([\w/]+)'/g, `'${root}src/$1/index.ts'`),
    )
    const ran = async (...args: string[]): Promise<string> => {
      const options = { cwd: folder, timeout: 60_000 }
      const run = promisify(execFile)(process.execPath, ['--import', 'tsx', ...args], options)
      const { stdout } = await run.catch((error: unknown) => error as { stdout: string })
      return stdout
    }
    const command = 'npx kafka-envelope audit verify audit.jsonl --key-file audit.key'
    const verified = async (): Promise<string> => {
      const args = command.split(' ').slice(2)
      return withoutChance(`$ ${command}\n${await ran(join(root, 'src/cli/main.ts'), ...args)}`)
    }
    const actual = [withoutChance(await ran('program.ts'))]
    const file = join(folder, 'audit.jsonl')
    const lines = await readFile(file, 'utf8')
    actual.push(withoutChance(lines), await verified())
    await writeFile(file, lines.replace(/^.*"dek\.created".*\n/m, ''))
    actual.push(await verified())
    expect(actual).toEqual(shown)
  }, 120_000)

  it('docs/audit.md lists each kind of line with all members that it may have, and no other', async () => {
    const grace = { limit: 'age', messages: 1, bytes: 1, ms: 1 } as const
    const place = { topic: 't', partition: 0, offset: '1' }
    const copy = {
      ...{ by: 'rewrap' as const, topic: 't', target: 'u', groupId: 'g' },
      ...{ added: ['c'], replaced: [{ from: 'c', to: 'd' }], removed: ['c'] },
    } as const
    const samples: { [N in keyof typeof AUDITED | 'plaintext.delivered']: EncryptionEvents[N] } = {
      'dek.created': {
        ...{ rule: 't', topic: 't', cmkIds: ['c'], sessionId: '00', origin: 'made' },
        missing: [{ cmkId: 'c', code: 'KMS_DENIED' }],
      },
      'dek.retired': {
        ...{ rule: 't', topic: 't', sessionId: '00', reason: 'age', messages: 1, bytes: 1, ageMs: 1, grace },
      },
      'dek.destroyed': { side: 'sealing', sessionId: '00', cmkId: 'c' },
      'dek.grace': {
        ...{ rule: 't', topic: 't', sessionId: '00', limit: 'age', code: 'KMS_TIMEOUT', graceMs: 1 },
      },
      'kms.call': {
        ...{
          kms: 'k',
          cmkId: 'c',
          toCmkId: 'd',
          operation: 'rewrap',
          outcome: 'failed',
          code: 'KMS_DENIED',
          durationMs: 1,
        },
      },
      'record.rejected': { rule: 't', code: 'MALFORMED', kind: 'invalid', action: 'skip', ...place },
      'override.used': {
        ...{ rule: 't', ...place, code: 'MALFORMED', action: 'deadLetter', deadLetter: 'd' },
        ...{ until: '2026-12-31T18:00:00Z', by: 'ops', why: 'INC-42', state: 'active' },
      },
      'consumer.stopped': { groupId: 'g', code: 'MALFORMED', message: '', ...place },
      'copy.started': copy,
      'copy.ended': { ...copy, outcome: 'failed', code: 'MALFORMED', messages: 1, rewrapped: 1, others: 0 },
      'plaintext.delivered': {
        ...{ rule: 't', topic: 't', partition: 0, messages: 1, bytes: 1 },
        ...{ firstOffset: '1', lastOffset: '1', untilOffset: '2' },
      },
    }
    const file = join(folder, 'all.jsonl')
    const { encryption, end } = await audited(file)
    const { events } = internalsOf(encryption, 'the test')
    for (const [name, event] of Object.entries(samples)) events.emit(name as 'dek.created', event as never)
    await end()
    const [header = '', ...rows] = /^\| event +\|.*?(?=\n\n)/ms.exec(page)?.[0].split('\n') ?? []
    expect(header).toContain('members')
    const words = (cell = ''): string[] => [...cell.matchAll(/`([^`]*)`/g)].map(([, word = '']) => word)
    const documented = new Map(
      rows.slice(1).map((row) => {
        const [, name, , members = ''] = row.split('|')
        // After a colon come values.
        return [words(name)[0], words(members.replaceAll(/`: [^|]*$/g, '`'))]
      }),
    )
    const common = ['seq', 'time', 'event', 'prev', 'hash']
    const lines = await linesIn(file)
    for (const name of Object.keys(samples)) {
      const line = lines.find(({ event }) => event === name) ?? {}
      expect(
        Object.keys(line)
          .filter((member) => !common.includes(member))
          .sort(),
        name,
      ).toEqual(documented.get(name)?.sort())
    }
    const own = [...documented.keys()].filter((name) => name?.startsWith('audit.')).sort()
    expect(own).toEqual([
      ...['audit.closed', 'audit.continued', 'audit.dekInUse'],
      ...['audit.lost', 'audit.override', 'audit.started'],
    ])
    expect(documented.size).toBe(own.length + Object.keys(samples).length)
  })
})
