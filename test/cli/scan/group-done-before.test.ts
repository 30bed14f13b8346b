import { writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { kafkaEnvelopeCommand } from '../../../src/cli/program.js'
import { writeReport, type PartitionReport } from '../../../src/operate/index.js'
import { Distinct } from '../../../src/operate/scan/distinct.js'
import { emptyTally } from '../../../src/operate/scan/tally.js'
import { temporaryFolder, type TemporaryFolder } from '../../kms/local/temporary-folder.js'

let folder: TemporaryFolder
beforeEach(async () => {
  folder = await temporaryFolder()
})
afterEach(() => folder.remove())

/** A topic whose group has read up to offset 5, and which ends at 9 by now. */
const CLUSTER = `
const done = () => Promise.resolve()
const admin = () => ({
  connect: done, disconnect: done, deleteGroups: done,
  describeCluster: async () => ({ clusterId: 'c' }), describeConfigs: async () => ({ resources: [] }),
  listTopics: async () => ['a'],
  listGroups: async () => ({ groups: [] }),
  fetchTopicMetadata: async () => ({ topics: [] }),
  fetchTopicOffsets: async () => [{ partition: 0, low: '0', high: '9' }],
  fetchOffsets: async () => [
    { topic: 'a', partitions: [{ partition: 0, offset: '5', metadata: 'kafka-envelope scan 0-5' }] },
  ],
})
const consumer = () => {
  const listeners = []
  const emit = (name, payload) => listeners.filter((each) => each.name === name).forEach(({ call }) => call({ payload }))
  return {
    events: { CRASH: 'c', GROUP_JOIN: 'g', FETCH_START: 's', FETCH: 'f', END_BATCH_PROCESS: 'e' },
    connect: done, disconnect: done, subscribe: done, seek: () => undefined, pause: () => undefined,
    on: (name, call) => void listeners.push({ name, call }),
    run: async () => {
      emit('g', { memberAssignment: { a: [0] } })
      for (let i = 0; i < 6; i++) {
        emit('s', { nodeId: 0 })
        emit('f', { nodeId: 0, duration: 500 })
      }
    },
  }
}
export const kafka = { admin, consumer }
`

/** What a process of the group prints whose report has these partitions. */
async function scanAgain(partitions: readonly PartitionReport[]): Promise<[text: string, code: unknown]> {
  const [module, file] = [folder.at('kafka.mjs'), folder.at('report.json')]
  await writeFile(module, CLUSTER)
  const topics = [{ topic: 'a', partitionCount: 1, sessions: new Distinct(), deks: {}, partitions }]
  const group = { id: 'g', isDone: true }
  await writeReport(file, { version: 1, startedAt: '', isComplete: true, watched: [], group, topics })
  let text = ''
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk)
    return true
  })
  const before = process.exitCode
  process.exitCode = 0
  try {
    const args = ['scan', 'a', '--group', 'g', '--report', file, '--cmk', 'old', '--kafka', module]
    await kafkaEnvelopeCommand().parseAsync(args, { from: 'user' })
    return [text, process.exitCode]
  } finally {
    process.exitCode = before
    spy.mockRestore()
  }
}

it('a group that was done before the topic grew does not answer that no record needs the CMK', async () => {
  const counts = { records: 5, bytes: 0, overheadBytes: 0, tally: emptyTally() }
  const [text, code] = await scanAgain([
    { partition: 0, begin: '0', from: '0', next: '5', to: '5', ...counts },
  ])
  expect(code).toBe(2)
  expect(text).toContain('Unclear')
  expect(text).toContain('a: partition 0 was scanned up to offset 5 only; it ends at 9')
})

it('a process that has read a part says that the question about the CMK is not answered, and ends with 2', async () => {
  const [text, code] = await scanAgain([])
  expect(code).toBe(2)
  expect(text).toContain('Can CMK old be disabled or deleted? One part cannot tell: ask `scan merge')
})
