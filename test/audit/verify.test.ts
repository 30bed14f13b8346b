import { createHash, createHmac, randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  verifyAuditLog,
  type AuditHead,
  type AuditProblem,
  type VerifyOptions,
} from '../../src/audit/index.js'
import { temporaryFolder, type TemporaryFolder } from '../kms/local/temporary-folder.js'
import { thrownBy } from '../support/emissions.js'
import { audited } from './audited.js'

let folder: TemporaryFolder
let file: string
let head: AuditHead

beforeEach(async () => {
  folder = await temporaryFolder()
  file = folder.at('audit.jsonl')
})
afterEach(() => folder.remove())

/** The lines of a log of 8 lines. */
async function log(key?: Uint8Array): Promise<string[]> {
  const { seal, encryption, audit, end } = await audited(file, key === undefined ? {} : { key })
  await seal()
  await encryption.rotate()
  await end()
  head = audit.head
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n')
  expect(lines).toHaveLength(8)
  return lines
}

async function problemsOf(lines: readonly string[], options: VerifyOptions = {}): Promise<AuditProblem[]> {
  await writeFile(file, lines.map((line) => `${line}\n`).join(''))
  const { findings, isIntact } = await verifyAuditLog([file], options)
  expect(isIntact).toBe(findings.length === 0)
  return findings.map(({ problem }) => problem)
}

/** What an attacker does who can write to the file: a whole new chain, with a changed line. */
function rewritten(lines: readonly string[], change: (members: Record<string, unknown>) => void): string[] {
  let prev = '0'.repeat(64)
  return lines.map((line) => {
    const { hash: _, ...members } = JSON.parse(line) as Record<string, unknown>
    change(members)
    const hashed = JSON.stringify({ ...members, prev }).slice(0, -1)
    prev = createHash('sha256').update(hashed).digest('hex')
    return `${hashed},"hash":"${prev}"}`
  })
}

describe.each([
  ['without a key', undefined],
  ['with a key', randomBytes(32)],
])('an audit log %s', (_, key) => {
  const options = key === undefined ? {} : { key }

  it('an untouched log is intact, and its head is that of its writer', async () => {
    await log(key)
    const result = await verifyAuditLog([file], { ...options, heads: [head.hash] })
    expect(result).toEqual({
      ...{ isIntact: true, findings: [], findingCount: 0, notes: [], head },
      files: [{ file, lines: 8, firstSeq: 0, lastSeq: 7 }],
    })
  })

  it('a removed line is found, whichever it is; the last ones only with a head that was kept', async () => {
    const lines = await log(key)
    for (let i = 0; i < lines.length; i++) {
      const expected: AuditProblem[] = i === 0 ? ['beginning'] : i === lines.length - 1 ? [] : ['missing']
      expect(await problemsOf(lines.toSpliced(i, 1), options), String(i)).toEqual(expected)
    }
    expect(await problemsOf(lines.slice(0, 3), { ...options, heads: [head.hash] })).toEqual(['head'])
  })

  it('a line that is moved, repeated or inserted is found, whichever it is', async () => {
    const lines = await log(key)
    for (let i = 1; i < lines.length; i++) {
      const [line = '', before = ''] = [lines[i], lines[i - 1]]
      expect(await problemsOf(lines.toSpliced(i - 1, 2, line, before), options)).not.toEqual([])
      expect(await problemsOf(lines.toSpliced(i, 0, before), options)).toEqual([
        i === 1 ? 'restarted' : 'order',
      ])
      expect(
        await problemsOf(lines.toSpliced(i, 0, before.replace('"seq":', '"seq":9')), options),
      ).not.toEqual([])
      expect(await problemsOf(lines.toSpliced(i, 0, 'x'), options)).toEqual(['unreadable'])
      expect(await problemsOf(lines.toSpliced(i, 0, ''), options)).toEqual(['unreadable'])
    }
  })

  it('a change of any byte of any line is found', async () => {
    const lines = await log(key)
    const whole = Buffer.from(`${lines.join('\n')}\n`)
    for (let at = 0; at < whole.length; at += 7) {
      const changed = Buffer.from(whole)
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
      await writeFile(file, changed)
      expect((await verifyAuditLog([file], options)).isIntact, String(at)).toBe(false)
    }
  })

  it('a changed line is named by file and number, and is one finding', async () => {
    const lines = await log(key)
    const changed = lines.with(2, (lines[2] ?? '').replace('"side":"sealing"', '"side":"opening"'))
    expect(changed).not.toEqual(lines)
    await writeFile(file, `${changed.join('\n')}\n`)
    const { findings } = await verifyAuditLog([file], options)
    expect(findings).toMatchObject([{ problem: 'changed', file, line: 3 }])
  })

  it('two logs in a row are found, and so is a file that is missing at the beginning', async () => {
    const lines = await log(key)
    expect(await problemsOf([...lines, ...lines], options)).toEqual(['restarted'])
    const after = (JSON.parse(lines[2] ?? '') as { hash: string }).hash
    expect(await problemsOf(lines.slice(3), options)).toEqual(['beginning'])
    expect(await problemsOf(lines.slice(3), { ...options, after })).toEqual([])
    expect(await problemsOf(lines.slice(4), { ...options, after })).toEqual(['beginning'])
    expect(await problemsOf(lines, { ...options, after })).toEqual(['beginning'])
  })
})

it('a log without a key that is rewritten as a whole is found only with a head that was kept', async () => {
  const lines = await log()
  const forged = rewritten(lines, (members) => {
    if (members['event'] === 'dek.created') members['rule'] = 'x'
  })
  expect(await problemsOf(forged)).toEqual([])
  expect(await problemsOf(forged, { heads: [head.hash] })).toEqual(['head'])
})

it('a log with a key cannot be rewritten without it', async () => {
  const key = randomBytes(32)
  const lines = await log(key)
  const forged = rewritten(lines, () => undefined)
  expect(await problemsOf(forged, { key })).toEqual(Array(8).fill('changed'))
  const { findings } = await verifyAuditLog([file], { key })
  expect(findings[0]?.message).toContain('without the key')
  expect(await problemsOf(lines, { key: randomBytes(32) })).toEqual(Array(8).fill('changed'))
  expect(await problemsOf(lines)).toEqual(Array(8).fill('changed'))
})

it('a line replaced by another one with a right hash is found at the line after it', async () => {
  const lines = await log()
  const forged = rewritten(lines, (members) => {
    members['host'] = 'another'
  })
  expect(await problemsOf([...forged.slice(0, 3), ...lines.slice(3)])).toEqual(['link'])
})

it.each([
  ['SHA-256', undefined],
  ['HMAC-SHA256', randomBytes(32)],
])('the hash of a line is the %s of its bytes up to the member `hash`', async (_, key) => {
  for (const line of await log(key)) {
    const hash = key === undefined ? createHash('sha256') : createHmac('sha256', key)
    const { hash: stated } = JSON.parse(line) as { hash: string }
    expect(hash.update(line.slice(0, line.lastIndexOf(',"hash":'))).digest('hex')).toBe(stated)
  }
})

it('findings are counted, and the first hundred are listed', async () => {
  const lines = await log()
  await writeFile(file, `${Array.from({ length: 150 }, () => lines[3]).join('\n')}\n`)
  const result = await verifyAuditLog([file])
  expect(result.findings).toHaveLength(100)
  expect(result.findingCount).toBe(150)
})

it('an empty file and a file of one long line are findings; a file that is missing is an error', async () => {
  await writeFile(file, '')
  expect(await verifyAuditLog([file])).toMatchObject({ findings: [{ problem: 'empty' }] })
  await writeFile(file, 'x'.repeat(3 * 2 ** 20))
  expect(await verifyAuditLog([file])).toMatchObject({ findings: [{ problem: 'unfinished', line: 1 }] })
  expect(await thrownBy(() => verifyAuditLog([folder.at('none')]))).toMatchObject({
    code: 'AUDIT_LOG_UNUSABLE',
  })
  for (const options of [{ key: Buffer.alloc(31) }, { heads: ['x'] }, { after: '' }])
    expect(await thrownBy(() => verifyAuditLog([file], options))).toMatchObject({ code: 'CONFIG_INVALID' })
})
