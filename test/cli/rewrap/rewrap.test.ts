import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { kafkaEnvelopeCommand } from '../../../src/cli/program.js'
import { reportFailure } from '../../../src/cli/report-failure.js'
import { explainRewrap, mayNeedOldCmks } from '../../../src/cli/rewrap/explain-report.js'
import { print } from '../../../src/cli/rewrap/rewrap.js'
import type { RewrapReport } from '../../../src/operate/index.js'

let text = ''
let before: typeof process.exitCode
beforeEach(() => {
  text = ''
  before = process.exitCode
  process.exitCode = 0
  for (const name of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      text += String(chunk)
      return true
    })
  }
})
afterEach(() => {
  process.exitCode = before
  vi.restoreAllMocks()
})

async function run(...args: string[]): Promise<string> {
  const command = kafkaEnvelopeCommand()
  for (const each of command.commands) each.exitOverride()
  const always = ['rewrap', 'a', '--to', 'b', '--config', 'missing.yaml', '--group', 'g']
  await command.parseAsync([...always, ...args], { from: 'user' }).catch(reportFailure)
  return text
}

describe('arguments of rewrap', () => {
  it('rewrap without a change is refused before anything is read', async () => {
    expect(await run()).toBe('error: give --add, --replace or --remove\n')
    expect(process.exitCode).toBe(1)
  })

  it.each(['a', 'a=', '=b', 'a=b=c'])('--replace %s is refused', async (replacement) => {
    expect(await run('--replace', replacement)).toMatch(/Expected OLD=NEW/)
  })
})

describe('the report of rewrap', () => {
  const report: RewrapReport = {
    ...{ from: 'a', to: 'b', group: 'g', originalTopics: ['a', 'older-*'] },
    partitions: [
      { partition: 0, records: 3, bytesRead: 10, bytesWritten: 12, next: '3', end: '3' },
      { partition: 1, records: 1, bytesRead: 1000, bytesWritten: 1000, next: '1', end: '9' },
    ],
    ...{ rewrapped: 2, unchanged: 1, tombstones: 0, deks: 1, kmsCalls: 3 },
    others: [{ code: 'NOT_SEALED', records: 1, first: { partition: 1, offset: '0' } }],
  }

  it('the report says what became of the records, and what readers need', () => {
    expect(explainRewrap(report)).toBe(`a to b: 4 records copied by this process
  rewrapped                          2
  unchanged                          1  sealed, with no wrapping to change
  NOT_SEALED                         1  could not be rewrapped, copied as they are; first at 1:0
  1 DEK got new wrappings, with 3 calls to KMSs
  values took 1,010 bytes, and now take 1,012
  partition 0: done up to offset 3
  partition 1: done up to offset 1 of 9
Partition 1: the broker gave nothing from offset 1 to its end, 9; compaction may have removed the records.

The envelopes still name the topic that they were sealed for. Readers of b need this in its rule:
  decrypt: { originalTopics: [a, older-*] }
`)
  })

  it('the exit code is 2 if a partition was not read to its end, also with --json', () => {
    const whole = { ...report, partitions: report.partitions.slice(0, 1) }
    const codes = [report, whole].flatMap((each) =>
      [{}, { json: true } as const].map((options) => {
        process.exitCode = 0
        print(each, options)
        return process.exitCode
      }),
    )
    expect(codes).toEqual([2, 2, 0, 0])
  })

  it('the report warns of records that may still need an old CMK, but not of plaintext', () => {
    const first = { partition: 0, offset: '0' }
    const refused = {
      ...report,
      others: [...report.others, { code: 'UNWRAP_FAILED', records: 1, first } as const],
    }
    expect([mayNeedOldCmks(report), mayNeedOldCmks(refused)]).toEqual([false, true])
    expect(explainRewrap(refused)).toMatch(/may still need the CMKs that they had/)
    expect(explainRewrap(report)).not.toMatch(/may still need/)
  })
})
