import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openAuditLog } from '../../src/audit/index.js'
import { temporaryFolder, type TemporaryFolder } from '../kms/local/temporary-folder.js'
import { owner } from '../keys/owner.js'
import { thrownBy } from '../support/emissions.js'
import { audited } from './audited.js'

let folder: TemporaryFolder
let file: string
let lock: string

beforeEach(async () => {
  folder = await temporaryFolder()
  file = folder.at('audit.jsonl')
  lock = `${file}.lock`
})
afterEach(() => folder.remove())

async function opened(): Promise<unknown> {
  const { encryption } = await owner()
  try {
    await (await openAuditLog(encryption, { file })).close()
    return 'opened'
  } catch (error) {
    return (error as { code?: unknown }).code
  } finally {
    await encryption.close()
  }
}

it('a file is written by one log at a time, and is free once that is closed', async () => {
  const { end, encryption } = await audited(file)
  const error = await thrownBy(() => openAuditLog(encryption, { file }))
  expect(error).toMatchObject({ code: 'AUDIT_LOG_IN_USE' })
  expect(await opened()).toBe('AUDIT_LOG_IN_USE')
  await end()
  expect(await opened()).toBe('opened')
})

it('the lock of a process that ended without releasing it is taken over', async () => {
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  await writeFile(lock, JSON.stringify({ pid: child.pid, host: hostname() }))
  expect(await opened()).toBe('opened')
})

it('the lock of a process whose number another process has by now is taken over, where the system tells them apart', async () => {
  const { end } = await audited(file)
  const held = JSON.parse(await readFile(lock, 'utf8')) as { started?: string }
  await end()
  await writeFile(lock, JSON.stringify({ ...held, started: '1' }))
  expect(await opened()).toBe(held.started === undefined ? 'AUDIT_LOG_IN_USE' : 'opened')
})

it.each([
  ['of another machine', JSON.stringify({ pid: 1, host: 'elsewhere' })],
  ['that is being written', ''],
  ['of another program', '4711\n'],
  ['of a live process', JSON.stringify({ pid: process.pid, host: hostname() })],
])('a lock %s is respected', async (_, content) => {
  await writeFile(lock, content)
  expect(await opened()).toBe('AUDIT_LOG_IN_USE')
  expect(await readFile(lock, 'utf8')).toBe(content)
})

it('one of several starts that find an abandoned lock gets the file', async () => {
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  await writeFile(lock, JSON.stringify({ pid: child.pid, host: hostname() }))
  const owners = await Promise.all(Array.from({ length: 5 }, () => owner()))
  const starts = await Promise.allSettled(owners.map(({ encryption }) => openAuditLog(encryption, { file })))
  const logs = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
  expect(logs).toHaveLength(1)
  for (const start of starts)
    if (start.status === 'rejected') expect(start.reason).toMatchObject({ code: 'AUDIT_LOG_IN_USE' })
  await Promise.all(owners.map(({ encryption }) => encryption.close()))
  for (const log of logs) await log.close()
})

it('a lock that another process has taken since is not released', async () => {
  const { end } = await audited(file)
  const other = JSON.stringify({ pid: process.pid + 1, host: hostname() })
  await writeFile(lock, other)
  await end()
  expect(await readFile(lock, 'utf8')).toBe(other)
})
