import { appendFile, mkdir, open, readdir, readFile, rename, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { verifyAuditLog, type AuditHead, type AuditOptions } from '../../src/audit/index.js'
import { internalsOf } from '../../src/record/internals.js'
import { temporaryFolder, type TemporaryFolder } from '../kms/local/temporary-folder.js'
import { settle } from '../keys/owner.js'
import { thrownBy } from '../support/emissions.js'
import { audited, linesIn } from './audited.js'

/** What the system says of a failed write, which is in the `cause` alone. */
const DETAILS = 'what the system says'

let folder: TemporaryFolder
let file: string

beforeEach(async () => {
  folder = await temporaryFolder()
  await mkdir(folder.at('logs'))
  file = folder.at('logs/audit.jsonl')
})
afterEach(async () => {
  vi.restoreAllMocks()
  await folder.remove()
})

/** All files of the log, in order. */
async function files(): Promise<string[]> {
  const names = (await readdir(folder.at('logs'))).filter((name) => !name.endsWith('.lock'))
  return [...names.filter((name) => name !== 'audit.jsonl').sort(), 'audit.jsonl'].map((name) =>
    join(folder.at('logs'), name),
  )
}

async function logging(options: Partial<AuditOptions> = {}) {
  const made = await audited(file, options)
  const { events } = internalsOf(made.encryption, 'the test')
  return {
    ...made,
    /** Emits an event that has a line. */
    happen: (offset: number) => {
      events.emit('record.rejected', {
        ...{ rule: 't', code: 'MALFORMED', kind: 'invalid', action: 'skip', topic: 't' },
        offset: String(offset),
      })
    },
    failed: () => made.named('audit.failed'),
  }
}

async function fileHandle(): Promise<{ appendFile: (data: Uint8Array) => Promise<void> }> {
  const handle = await open(folder.at('logs'), 'r')
  await handle.close()
  return Object.getPrototypeOf(handle) as never
}

/** A full disk: it takes half of what is written. There is no other way to have one without a disk. */
async function fullDisk(): Promise<() => void> {
  const prototype = await fileHandle()
  const append = prototype.appendFile
  const spy = vi.spyOn(prototype, 'appendFile').mockImplementation(async function (this: unknown, data) {
    await append.call(this, data.subarray(0, data.length >> 1))
    throw Object.assign(new Error(DETAILS), { code: 'ENOSPC' })
  })
  return () => {
    spy.mockRestore()
  }
}

describe('a disk that is full', () => {
  it('a full disk is an event at each attempt, sealing goes on, and all lines are written once there is room', async () => {
    const { seal, happen, failed, clock, audit, end } = await logging()
    const free = await fullDisk()
    happen(0)
    const error = await thrownBy(() => audit.flush())
    expect(error).toMatchObject({ code: 'AUDIT_LOG_WRITE_FAILED' })
    expect((error as Error).message).toContain('ENOSPC')
    await seal(3)
    expect(failed()).toEqual([{ name: 'audit.failed', file, reason: 'ENOSPC', waiting: 1, lost: 0 }])
    free()
    clock.advance(60_000)
    await vi.waitFor(async () => {
      expect((await linesIn(file)).map(({ event }) => event)).toContain('dek.created')
    })
    await end()
    expect(failed()).toHaveLength(1)
    const result = await verifyAuditLog([file])
    expect(result).toMatchObject({ isIntact: true, notes: [] })
    expect((await linesIn(file)).filter(({ event }) => event === 'audit.lost')).toEqual([])
  })

  it('a queue that is full loses the latest lines, and the log says how many, of which events, and when', async () => {
    const { happen, failed, audit, clock, end } = await logging()
    const free = await fullDisk()
    for (let i = 0; i < 10_003; i++) happen(i)
    expect(await thrownBy(() => audit.flush())).toMatchObject({ code: 'AUDIT_LOG_WRITE_FAILED' })
    clock.advance(500)
    happen(10_003)
    await thrownBy(() => audit.flush())
    expect(failed().map(({ waiting, lost }) => [waiting, lost])).toEqual([
      [10_001, 3],
      [10_001, 4],
    ])
    free()
    await audit.flush()
    happen(1)
    await end()
    const lines = await linesIn(file)
    expect(lines.slice(0, -1).at(-2)).toMatchObject({
      ...{ event: 'audit.lost', count: 4, events: { 'record.rejected': 4 } },
      time: new Date(1_700_000_000_000).toISOString(),
      until: new Date(1_700_000_000_500).toISOString(),
    })
    expect(lines).toHaveLength(10_004)
    expect(await verifyAuditLog([file])).toMatchObject({ isIntact: true })
  })

  it('a log that cannot write its last lines says so when it closes, and releases its file', async () => {
    const heads: AuditHead[] = []
    const { happen, encryption, audit, clock } = await logging({ onHead: (head) => heads.push(head) })
    happen(0)
    await audit.flush()
    await fullDisk()
    happen(1)
    await encryption.close()
    const error = await thrownBy(() => audit.close())
    expect(error).toMatchObject({ code: 'AUDIT_LOG_WRITE_FAILED' })
    expect(heads.at(-1)).toEqual(audit.head)
    expect(clock.timers).toBe(0)
    expect(await readdir(folder.at('logs'))).toEqual(['audit.jsonl'])
    vi.restoreAllMocks()
    await (await logging()).end()
    expect(await verifyAuditLog([file])).toMatchObject({ isIntact: true, notes: [{}, {}] })
  })
})

describe('files', () => {
  it('a full file gets the number of its last line as a name, and the next file follows it', async () => {
    const { happen, audit, end } = await logging({ maxFileBytes: '2KiB' })
    for (let i = 0; i < 30; i++) {
      happen(i)
      await audit.flush()
    }
    await end()
    const all = await files()
    expect(all.length).toBeGreaterThan(3)
    for (const [i, one] of all.slice(0, -1).entries()) {
      const lines = await linesIn(one)
      expect(one.endsWith(`.${String(lines.at(-1)?.seq).padStart(12, '0')}`)).toBe(true)
      const [next] = await linesIn(all[i + 1] as string)
      expect(next).toMatchObject({ event: 'audit.continued', reason: 'size', prev: lines.at(-1)?.hash })
    }
    expect(await verifyAuditLog(all)).toMatchObject({ isIntact: true, notes: [] })
  })

  it('a process that ended between two files goes on after the last one', async () => {
    const { happen, audit, end } = await logging({ maxFileBytes: '1KiB' })
    for (let i = 0; i < 10; i++) {
      happen(i)
      await audit.flush()
    }
    await end()
    const all = await files()
    await rm(file)
    await (await logging()).end()
    const result = await verifyAuditLog(all)
    expect(result.findings).toEqual([])
    expect(all.length).toBeGreaterThan(2)
    // The lines that were removed are no line's concern: only a head that was kept elsewhere shows it.
    const removed = await verifyAuditLog(all, { heads: [audit.head.hash] })
    expect(removed).toMatchObject({ findings: [{ problem: 'head' }] })
  })

  it.each([
    ['appended to', 'changed', () => appendFile(file, '{"forged":true}\n'), 'unreadable'],
    ['shortened', 'changed', () => truncate(file, 500), 'unfinished'],
    ['deleted', 'missing', () => rm(file), 'beginning'],
    ['moved away', 'missing', () => rename(file, folder.at('elsewhere')), 'beginning'],
    [
      'replaced',
      'changed',
      async () => {
        const text = await readFile(file)
        await rm(file)
        await appendFile(file, text.subarray(0, 400))
      },
      'unfinished',
    ],
  ])(
    'a file that was %s is an event, the log goes on in a new file, and verification finds it',
    async (_, reason, harm, problem) => {
      const { happen, failed, audit, end } = await logging()
      happen(0)
      await audit.flush()
      await harm()
      happen(1)
      await audit.flush()
      expect(failed()).toMatchObject([{ reason, waiting: 1, lost: 0 }])
      await end()
      const [next] = await linesIn(file)
      expect(next).toMatchObject({ event: 'audit.continued', reason })
      const { findings } = await verifyAuditLog(await files())
      expect(findings.map((finding) => finding.problem)).toContain(problem)
    },
  )

  it('a folder that is gone is an event at each attempt, and the log goes on when it is back', async () => {
    const { happen, failed, audit, clock, end } = await logging()
    await rename(folder.at('logs'), folder.at('elsewhere'))
    happen(0)
    await thrownBy(() => audit.flush())
    expect(failed().map(({ reason }) => reason)).toEqual(['missing', 'ENOENT'])
    await mkdir(folder.at('logs'))
    clock.advance(60_000)
    await settle()
    await end()
    const [first, second] = await linesIn(file)
    expect([first, second]).toMatchObject([
      { event: 'audit.continued', reason: 'missing' },
      { event: 'record.rejected', offset: '0' },
    ])
    const both = [folder.at('elsewhere/audit.jsonl'), file]
    expect(await verifyAuditLog(both)).toMatchObject({ isIntact: true })
  })
})
