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
function reportFile(name: string, topic: string, next: string, to = next): Promise<string> {
  return reportOf(name, topic, { next, to })
}

interface Run {
  readonly from?: string
  readonly next: string
  readonly to: string
  readonly clusterId?: string
}

async function reportOf(name: string, topic: string, run: Run): Promise<string> {
  const { from = '0', next, to, clusterId } = run
  const counts = { records: 0, bytes: 0, overheadBytes: 0, tally: emptyTally() }
  const partitions = [{ partition: 0, from, next, to, ...counts }]
  const topics = [{ topic, sessions: new Distinct(), deks: {}, partitions }]
  const file = folder.at(name)
  const isComplete = next === to
  const report: ScanReport = { version: 1, startedAt: '', clusterId, isComplete, watched: [], topics }
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

it('an error about offsets that were read twice, or not at all, names the files', async () => {
  const [a, twice] = [await reportFile('a', 't', '5'), await reportFile('twice', 't', '6')]
  expect(await merge(a, twice)).toEqual({
    code: 1,
    text: `topic t, partition 0: the offsets from 0 up to 5 were read by two scans: they are in ${a} and in ${twice}\n`,
  })
  const later = await reportOf('later', 't', { from: '8', next: '9', to: '9' })
  expect(await merge(later, a)).toEqual({
    code: 1,
    text: `topic t, partition 0: the offsets from 5 up to 8 were read by no scan: ${a} ends before them, and ${later} begins after them\n`,
  })
})

it('`scan merge` refuses reports of two clusters, and a report of another cluster than it asks', async () => {
  const [a, b] = [
    await reportOf('a', 'a', { next: '5', to: '5', clusterId: 'CLUSTER-1' }),
    await reportOf('b', 'b', { next: '5', to: '5', clusterId: 'CLUSTER-2' }),
  ]
  expect(await merge(a, b)).toEqual({
    code: 1,
    text: `the reports are of different clusters, CLUSTER-1 (${a}) and CLUSTER-2 (${b}): merge those of one cluster\n`,
  })
  const module = folder.at('other.mjs')
  await writeFile(
    module,
    `const done = () => Promise.resolve()
const describeCluster = async () => ({ clusterId: 'CLUSTER-2' })
export const kafka = { admin: () => ({ connect: done, disconnect: done, describeCluster }) }
`,
  )
  const { code, text } = await merge(a, '--cmk', 'old', '--kafka', module)
  expect(code).toBe(1)
  expect(text).toContain('the report is of cluster CLUSTER-1, but these brokers are of cluster CLUSTER-2\n')
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
