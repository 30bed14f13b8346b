import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { AuditVerification } from '../../src/audit/index.js'
import { kafkaEnvelopeCommand } from '../../src/cli/program.js'
import { reportFailure } from '../../src/cli/report-failure.js'
import { audited } from '../audit/audited.js'
import { temporaryFolder, type TemporaryFolder } from '../kms/local/temporary-folder.js'

let folder: TemporaryFolder
let file: string
let keyFile: string
const key = randomBytes(32)

beforeEach(async () => {
  folder = await temporaryFolder()
  file = folder.at('audit.jsonl')
  keyFile = folder.at('audit.key')
  await writeFile(keyFile, key)
})
afterEach(() => folder.remove())

async function log(keyed = false): Promise<string> {
  const { seal, audit, end } = await audited(file, keyed ? { key } : {})
  await seal()
  await end()
  return audit.head.hash
}

async function verify(...args: string[]) {
  const written = { stdout: '', stderr: '' }
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      written[name] += String(chunk)
      return true
    }),
  )
  const before = process.exitCode
  process.exitCode = 0
  try {
    const program = kafkaEnvelopeCommand()
    const command = program.commands
      .find((one) => one.name() === 'audit')
      ?.commands.find((one) => one.name() === 'verify')
    command?.exitOverride()
    await program.parseAsync(['audit', 'verify', ...args], { from: 'user' }).catch(reportFailure)
    return { code: process.exitCode, ...written }
  } finally {
    process.exitCode = before
    for (const spy of spies) spy.mockRestore()
  }
}

it('`audit verify` prints each file and the head, and ends with 0, if the log is intact', async () => {
  const head = await log()
  expect(await verify(file, '--head', head)).toEqual({
    code: 0,
    stderr: '',
    stdout: `${file}: 5 lines, numbers 0 to 4\nhead: 4 ${head}\nintact\n`,
  })
  const { code, stdout } = await verify(file)
  expect(code).toBe(0)
  expect(stdout).toContain('--head')
})

it('`audit verify` names each broken line and ends with 2', async () => {
  const head = await log()
  const lines = (await readFile(file, 'utf8')).split('\n')
  await writeFile(file, lines.toSpliced(2, 1).join('\n'))
  const { code, stdout } = await verify(file, '--head', '0'.repeat(64), '--head', head)
  expect(code).toBe(2)
  expect(stdout).toContain(`BROKEN (missing): ${file}:3: line number 2 is missing\n`)
  expect(stdout).toContain('BROKEN (head): no intact line has the hash 0000')
  expect(stdout).toContain('\n2 findings\n')
})

it('`audit verify` does not let the name of a file write to the terminal', async () => {
  const hostile = folder.at('audit.jsonl.0\u001b[2J\u009b')
  await log()
  await rename(file, hostile)
  const { code, stdout } = await verify(hostile)
  expect(code).toBe(0)
  expect(stdout).toContain(String.raw`audit.jsonl.0\x1b[2J\xc2\x9b: 5 lines`)
  expect(stdout).toMatch(/^[\n -~]*$/)
  const json = await verify(hostile, '--json')
  expect(json.stdout).toMatch(/^[\n -~]*$/)
  expect(JSON.parse(json.stdout)).toMatchObject({ files: [{ file: hostile }] })
})

it('`audit verify --json` prints the result of the library as one object', async () => {
  const head = await log()
  const { code, stdout } = await verify(file, '--json')
  expect(code).toBe(0)
  expect(JSON.parse(stdout) as AuditVerification).toEqual({
    ...{ isIntact: true, findings: [], findingCount: 0, notes: [], head: { seq: 4, hash: head } },
    files: [{ file, lines: 5, firstSeq: 0, lastSeq: 4 }],
  })
})

it('`audit verify` needs the key of a log that has one, and takes it from a file', async () => {
  const head = await log(true)
  expect(await verify(file, '--key-file', keyFile, '--head', head)).toMatchObject({ code: 0 })
  expect(await verify(file)).toMatchObject({ code: 2 })
  await writeFile(keyFile, randomBytes(32))
  expect(await verify(file, '--key-file', keyFile)).toMatchObject({ code: 2 })
})

it('`audit verify --after` checks files whose predecessors are not given', async () => {
  await log()
  const [first = '', second = '', ...rest] = (await readFile(file, 'utf8')).split('\n')
  await writeFile(file, rest.join('\n'))
  const hashOf = (line: string) => (JSON.parse(line) as { hash: string }).hash
  expect(await verify(file, '--after', hashOf(second))).toMatchObject({ code: 0 })
  expect(await verify(file, '--after', hashOf(first))).toMatchObject({ code: 2 })
})

it('`audit verify` ends with 1 and one line if a file cannot be read or an argument is wrong', async () => {
  await log()
  for (const args of [
    [folder.at('none')],
    [file, '--key-file', folder.at('none')],
    [file, '--head', 'x'],
    [],
  ]) {
    const { code, stdout, stderr } = await verify(...args)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).not.toBe('')
  }
  await writeFile(keyFile, 'short')
  expect(await verify(file, '--key-file', keyFile)).toMatchObject({ code: 1 })
})
