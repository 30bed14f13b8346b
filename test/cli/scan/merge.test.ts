import { writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { kafkaEnvelopeCommand } from '../../../src/cli/program.js'
import { reportFailure } from '../../../src/cli/report-failure.js'
import { writeReport, type ScanReport } from '../../../src/operate/index.js'
import { Distinct } from '../../../src/operate/scan/distinct.js'
import { emptyTally } from '../../../src/operate/scan/tally.js'
import { temporaryFolder, type TemporaryFolder } from '../../kms/local/temporary-folder.js'

let folder: TemporaryFolder
beforeEach(async () => {
  folder = await temporaryFolder()
})
afterEach(() => folder.remove())

/** A file with the report of partition 0 of a topic. */
async function reportFile(name: string, topic: string, next: string, to = next): Promise<string> {
  const counts = { records: 0, bytes: 0, overheadBytes: 0, tally: emptyTally() }
  const partitions = [{ partition: 0, from: '0', next, to, ...counts }]
  const topics = [{ topic, sessions: new Distinct(), deks: {}, partitions }]
  const file = folder.at(name)
  const report: ScanReport = { version: 1, startedAt: '', isComplete: next === to, watched: [], topics }
  await writeReport(file, report)
  return file
}

async function merge(...args: string[]): Promise<{ code: typeof process.exitCode; text: string }> {
  let text = ''
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      text += String(chunk)
      return true
    }),
  )
  const before = process.exitCode
  process.exitCode = 0
  try {
    await kafkaEnvelopeCommand()
      .parseAsync(['scan', 'merge', ...args], { from: 'user' })
      .catch(reportFailure)
    return { code: process.exitCode, text }
  } finally {
    process.exitCode = before
    for (const spy of spies) spy.mockRestore()
  }
}

it('`scan merge` ends with 2 if a scan is not complete, and with 0 if all are', async () => {
  const [a, b] = [await reportFile('a', 'a', '5'), await reportFile('b', 'b', '5', '9')]
  expect(await merge(a)).toMatchObject({ code: 0 })
  const { code, text } = await merge(a, b)
  expect(code).toBe(2)
  expect(text).toContain('The scan is not complete.')
})

it('a report of someone else cannot control the terminal, neither by output nor by an error', async () => {
  const hostile = 't\u001b[2J\u009b\u202e'
  const [a, again] = [await reportFile('a', hostile, '5'), await reportFile('again', hostile, '6')]
  for (const args of [[a], [a, '--json'], [a, again]]) {
    const { text } = await merge(...args)
    expect(text).toMatch(/2J/)
    expect(text).toMatch(/^[\n -~]*$/)
  }
})

it('the report is printed even if the cluster does not answer the question about the CMK', async () => {
  const module = folder.at('kafka.mjs')
  await writeFile(
    module,
    `const refuse = () => Promise.reject(new Error('not authorized'))
export const kafka = { admin: () => ({ connect: refuse, disconnect: refuse }) }
`,
  )
  const { code, text } = await merge(await reportFile('a', 'a', '5'), '--cmk', 'old', '--kafka', module)
  expect(code).toBe(1)
  expect(text).toContain('a: 0 records in 1 partition')
  expect(text).toContain('not authorized\n')
  expect(text).not.toContain('Can CMK old')
})
