import type { Kafka } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { explainNeed } from '../../../src/cli/scan/explain-need.js'
import { explainReport } from '../../../src/cli/scan/explain-report.js'
import { whoNeedsCmk, type CmkNeed, type ScanReport } from '../../../src/operate/index.js'
import { Distinct } from '../../../src/operate/scan/distinct.js'
import type { Finding } from '../../../src/operate/scan/findings.js'
import { Findings } from '../../../src/operate/scan/findings.js'
import { PartitionScan } from '../../../src/operate/scan/partition-scan.js'

type Offsets = readonly [low: number, high: number]

/** A cluster with one topic `t`, of partitions with these offsets. */
function cluster(...partitions: Offsets[]): Kafka {
  const admin = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    describeCluster: () => Promise.resolve({ clusterId: 'c' }),
    listTopics: () => Promise.resolve(['t']),
    fetchTopicOffsets: () =>
      Promise.resolve(
        partitions.map(([low, high], partition) => ({ partition, low: String(low), high: String(high) })),
      ),
    listGroups: () => Promise.resolve({ groups: [] }),
    describeConfigs: () =>
      Promise.resolve({
        resources: [
          {
            resourceName: 't',
            configEntries: [
              { configName: 'cleanup.policy', configValue: 'delete' },
              { configName: 'retention.ms', configValue: '1000' },
              { configName: 'segment.ms', configValue: '1000' },
            ],
          },
        ],
      }),
  }
  return { admin: () => admin } as unknown as Kafka
}

/** Of a scan of partition 0 of `t` that found records with these wrappings, one after the other. */
function scanned([from, to]: Offsets, wrappings: readonly (readonly string[])[], timestamp = 5): ScanReport {
  const all = wrappings.map((cmks) => findingOf(cmks))
  const findings = new Findings()
  findings.of = () => [all.shift() ?? { kind: 'plaintext' }, 0]
  const scan = new PartitionScan(
    { topic: 't', partition: 0, from: BigInt(from), to: BigInt(to) },
    findings,
    () => false,
  )
  const record = (_: unknown, i: number): Parameters<PartitionScan['count']>[0][number] => ({
    ...{ key: null, value: Buffer.from('x'), offset: String(from + i), timestamp: String(timestamp) },
    ...{ attributes: 0, headers: {} },
  })
  scan.count(wrappings.map(record), () => undefined)
  scan.passed(BigInt(to))
  return {
    version: 1,
    startedAt: '2026-11-01T00:00:00.000Z',
    isComplete: true,
    watched: [],
    topics: [{ topic: 't', sessions: new Distinct(), deks: {}, partitions: [scan.report()] }],
  }
}

function findingOf(cmks: readonly string[]): Finding {
  const none = { suite: '1', compression: 'none', context: '', sealedFor: 't', wrappedDeks: [] }
  return { kind: 'sealed', sealing: { ...none, cmks, sessionId: Buffer.alloc(16) } }
}

const OTHER = [['p other']]
const need = (
  kafka: Kafka,
  report: ScanReport,
  id = 'old',
  options?: Parameters<typeof whoNeedsCmk>[3],
): Promise<CmkNeed> => whoNeedsCmk(kafka, report, id, options)

describe('whoNeedsCmk', () => {
  it('the answer is no if every record that the topics have was read, and none needs the CMK', async () => {
    expect(await need(cluster([3, 4]), scanned([0, 4], OTHER))).toMatchObject({ needed: 'no', unclear: [] })
    // Retention removed all that the scan had not read.
    expect(await need(cluster([9, 9]), scanned([5, 9], OTHER))).toMatchObject({ needed: 'no' })
  })

  it('records before the start of the scan make it unclear', async () => {
    expect(await need(cluster([2, 9]), scanned([5, 9], OTHER))).toMatchObject({
      needed: 'unclear',
      unclear: ['t: partition 0 was scanned from offset 5 on only; it begins at 2'],
    })
  })

  it('a partition that was not scanned makes it unclear, unless it has no record', async () => {
    const report = scanned([0, 9], OTHER)
    expect(await need(cluster([0, 9], [3, 7]), report)).toMatchObject({
      needed: 'unclear',
      unclear: ['t: partition 1 was not scanned'],
    })
    expect(await need(cluster([0, 9], [7, 7]), report)).toMatchObject({ needed: 'no' })
  })

  it('a topic that ends earlier than it was read was made again, which makes it unclear', async () => {
    expect(await need(cluster([0, 5]), scanned([0, 9], OTHER))).toMatchObject({
      needed: 'unclear',
      unclear: ['t: partition 0 ends before offset 9, which was scanned: the topic was made again'],
    })
  })

  it('records that came after an old report make it unclear', async () => {
    const report = scanned([0, 9], OTHER)
    expect(await need(cluster([0, 12]), report)).toMatchObject({ needed: 'no' })
    expect(await need(cluster([0, 12]), report, 'old', { upToNow: true })).toMatchObject({
      needed: 'unclear',
      unclear: ['t: partition 0 was scanned up to offset 9 only; it ends at 12'],
    })
  })

  it('a topic that was deleted since is refused, so that the client does not create it', async () => {
    const report = scanned([0, 9], OTHER)
    const gone = { ...report, topics: report.topics.map((each) => ({ ...each, topic: 'gone' })) }
    await expect(need(cluster([0, 9]), gone)).rejects.toThrow('topic gone does not exist')
  })

  it.each([
    ['1234', 'arn:aws:kms:eu-west-1:111122223333:key/1234'],
    ['arn:aws:kms:eu-west-1:111122223333:key/1234', '1234'],
    ['arn:aws:kms:us-east-1:1:key/mrk-12ab', 'arn:aws:kms:eu-west-1:1:key/mrk-12ab'],
    ['projects/p/cryptoKeys/k/cryptoKeyVersions/2', 'projects/p/cryptoKeys/k'],
    ['CARDS', 'cards'],
  ])('CMK %s may be the one that records have as %s, which makes it unclear', async (asked, found) => {
    expect(await need(cluster([0, 1]), scanned([0, 1], [[`p ${found}`]]), asked)).toMatchObject({
      needed: 'unclear',
      unclear: [
        `records are under CMK ${found}, which may be the same one by another id, or a replica of it`,
      ],
    })
  })

  it.each([
    ['cards-2025', 'cards-2026'],
    ['card', 'cards'],
    ['arn:aws:kms:eu-west-1:1:key/12', 'arn:aws:kms:eu-west-1:1:key/123'],
  ])('CMK %s is not taken for %s', async (asked, found) => {
    expect(await need(cluster([0, 1]), scanned([0, 1], [[`p ${found}`]]), asked)).toMatchObject({
      needed: 'no',
    })
  })

  it('a record needs a CMK that wraps it twice, also by two providers, and by nothing else', async () => {
    const report = scanned(
      [0, 3],
      [
        ['p old', 'q old'],
        ['p old', 'p old'],
        ['p old', 'p new'],
      ],
    )
    expect(await need(cluster([0, 3]), report)).toMatchObject({
      needed: 'yes',
      partitions: [
        { records: 3, only: 2 },
        { records: 1, only: 1 },
      ],
    })
  })

  it('a record with a timestamp that no date can have is shown, and is never gone by time', async () => {
    const report = scanned([0, 1], [['p old']], Number.MAX_VALUE)
    const answer = await need(cluster([0, 1]), report)
    expect(answer.partitions).toMatchObject([{ goneBy: null }])
    expect(explainReport(report) + explainNeed(answer)).toContain('+275760-09-13T00:00:00Z')
  })
})

describe('explainNeed', () => {
  it('text of a record or of a report file cannot control the terminal', async () => {
    const report = scanned([0, 1], [['p \u001b[2J/old']])
    const text = explainNeed(await need(cluster([0, 1]), report))
    expect(text).toContain('records are under CMK \\x1b[2J/old')
    const topics = report.topics.map((each) => ({ ...each, topic: '\u001b[2Jt' }))
    expect(explainReport({ ...report, topics })).toMatch(/^\\x1b\[2Jt: 1 record /)
  })

  it('a yes says on what it rests', async () => {
    const kafka = cluster([0, 1])
    expect(explainNeed(await need(kafka, scanned([0, 1], OTHER)))).toContain('Check that its id is written')
    expect(explainNeed(await need(kafka, scanned([0, 1], [['p old', 'p new']])))).toContain(
      'Their other CMKs alone open these records then.',
    )
  })
})
