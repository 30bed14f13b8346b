import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ConfigResourceTypes, type Admin } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  startTencentKmsEmulator,
  type TencentKmsEmulator,
} from '../../../packages/tencent-kms-emulator/src/index.js'
import { systemClock } from '../../../src/clock.js'
import type { EncryptedTopicRule, EncryptionConfig } from '../../../src/index.js'
import { tencentKms } from '../../../src/kms/tencent/index.js'
import { flyCanary } from '../../../src/operate/doctor/canary.js'
import { CANARY_HEADER, examine, fetchRecord, type Examination } from '../../../src/operate/index.js'
import { newTopic, removeTopics, testKafka } from '../../support/broker.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { identity } from '../support/tencent.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const SELF = identity('producer', 'GenerateDataKey', 'Decrypt')
const WRITER = identity('writer', 'GenerateDataKey')

let admin: Admin
let emulator: TencentKmsEmulator
let folder: string
/** `region/keyId` by alias. */
let ids: Readonly<Record<string, string>>
const topics: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'doctor-'))
  admin = testKafka().admin()
  await admin.connect()
  emulator = await startTencentKmsEmulator({
    keys: ['orders', 'cards', 'old', 'letters'].map((alias) => ({ alias })),
    credentials: [SELF, WRITER],
  })
  ids = Object.fromEntries(emulator.keys().map(({ alias, region, keyId }) => [alias, `${region}/${keyId}`]))
})
afterAll(async () => {
  await removeTopics(topics)
  await admin.disconnect()
  await emulator.close()
  await rm(folder, { recursive: true })
})

/** A new topic with these settings. */
async function topicOf(
  name: string,
  settings: Readonly<Record<string, string>> = {},
  partitions = 1,
): Promise<string> {
  const topic = await newTopic(name, partitions)
  topics.push(topic)
  const entries = Object.entries(settings).map(([key, value]) => ({ name: key, value }))
  if (entries.length > 0)
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: entries }],
    })
  return topic
}

function configOf(topics: EncryptionConfig['topics'], { secretId, secretKey } = SELF): EncryptionConfig {
  const credentials = { secretId, secretKey }
  return {
    kms: { tencent: tencentKms({ endpoint: emulator.url, credentials }) },
    cmks: Object.fromEntries(Object.entries(ids).map(([alias, id]) => [alias, [{ kms: 'tencent', id }]])),
    topics,
    kmsRetries: 0,
  }
}

const idsOf = ({ findings }: Examination): string[] =>
  findings.map(({ id, subject }) => `${id} ${subject}`).toSorted()

describe('doctor', () => {
  it('each planted fault of a setup is found, and nothing else', async () => {
    emulator.setKeyState(ids['old']?.split('/')[1] ?? '', 'Disabled')
    const letters = await topicOf('doctor.dead', {
      'cleanup.policy': 'compact',
      'max.message.bytes': '1000000',
    })
    const orders = await topicOf('doctor.orders', { 'max.message.bytes': '500000', 'retention.ms': '-1' })
    const cards = await topicOf('doctor.cards', { 'cleanup.policy': 'compact' })
    const moving = await topicOf('doctor.moving', {}, 2)
    const rules: EncryptionConfig['topics'] = [
      {
        match: [orders],
        encrypt: { cmk: 'orders' },
        decrypt: {
          cmk: ['orders', 'old'],
          onInvalid: { deadLetter: letters },
          onUnreadable: { deadLetter: 'doctor.nowhere' },
        },
      },
      { match: [cards], encrypt: { cmk: 'cards', tombstones: 'reject' } },
      {
        match: [moving],
        decrypt: { cmk: 'letters', plaintext: { untilOffsets: { [moving]: { 0: '7', 1: '0' } } } },
      },
      { match: ['doctor.missing'], encrypt: { cmk: 'orders' } },
      { match: ['doctor.none.*'], passthrough: true },
    ]
    const config = configOf(rules)
    const examination = await examine({ config, kafka: testKafka() })
    await config.kms['tencent']?.close?.()
    // Other tests make topics, too.
    const own = idsOf(examination).filter((finding) => !finding.startsWith('topic-without-rule '))
    expect(own).toEqual(
      [
        `batch-limit-too-high topic ${orders}`,
        `cmk-disabled CMK ${ids['old'] ?? ''} (tencent)`,
        `compacted-without-tombstones topic ${cards}`,
        'dead-letter-topic-missing dead-letter topic doctor.nowhere',
        `dead-letter-topic-compacted dead-letter topic ${letters}`,
        `kept-forever topic ${cards}`,
        `kept-forever topic ${orders}`,
        `may-make-deks CMK ${ids['letters'] ?? ''} (tencent)`,
        `may-unwrap CMK ${ids['cards'] ?? ''} (tencent)`,
        'plaintext-accepted topics[2].decrypt.plaintext.untilOffsets',
        `plaintext-open topic ${moving}`,
        'rule-without-topic rule doctor.none.*',
        'topic-missing topic doctor.missing',
      ].toSorted(),
    )
    const [first] = examination.findings
    expect(first?.severity).toBe('error')
    expect(examination.fine).toContainEqual({
      area: 'clock',
      text: 'Tencent Cloud KMS accepts the time of this machine: it is at most five minutes off',
    })
  }, 60_000)

  it('a setup that is well has no finding but a note, its canary flies, and other consumers recognise the canary', async () => {
    const letters = await topicOf('doctor.letters', { 'max.message.bytes': '1049612' })
    const topic = await topicOf('doctor.well', {}, 3)
    const rules: EncryptionConfig['topics'] = [
      {
        match: [topic],
        encrypt: { cmk: 'orders', context: { env: 'test' }, bindHeaders: [CANARY_HEADER] },
        decrypt: {
          cmk: 'orders',
          onInvalid: { deadLetter: letters },
          require: { context: { env: 'test' }, bindHeaders: [CANARY_HEADER] },
        },
      },
    ]
    // A canary needs only its own rule, whatever the others have.
    const other = { match: ['doctor.other'], decrypt: { cmk: 'orders' } }
    const until = new Date(systemClock.wallMs() + 60_000).toISOString()
    const allowed = { topic: 'doctor.other', partition: 0, offset: '1', code: 'MALFORMED' as const, until }
    const config: EncryptionConfig = {
      ...configOf([...rules, other]),
      overrides: [{ ...allowed, action: 'skip', by: 'Ann', why: 'a test' }],
    }
    const kafka = testKafka()
    const examination = await examine({ config, kafka, topics: [topic], canary: topic })
    await config.kms['tencent']?.close?.()
    expect(examination.findings.map(({ id }) => id)).toEqual(['override-active'])
    const { canary } = examination
    expect(canary?.steps.map(({ step, ok }) => `${step} ${String(ok)}`)).toEqual([
      'seal and write true',
      'look at what the broker has true',
      'read and open true',
    ])
    const { partition = -1, offset = '' } = canary ?? {}
    const record = await fetchRecord({ kafka, place: { topic, partition, offset: BigInt(offset) } })
    expect(Object.keys(record.headers ?? {})).toEqual([CANARY_HEADER])
    const { groups } = await admin.listGroups()
    expect(groups.filter(({ groupId }) => groupId.startsWith('kafka-envelope-canary-'))).toEqual([])
  }, 60_000)

  it('a canary that its reader cannot open fails at the reading, with the reason', async () => {
    const topic = await topicOf('doctor.apart')
    const config = configOf([{ match: [topic], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'cards' } }])
    const { findings, canary } = await examine({ config, kafka: testKafka(), topics: [topic], canary: topic })
    await config.kms['tencent']?.close?.()
    expect(findings.map(({ id }) => id)).toContain('canary-failed')
    const [{ what, remedy }] = findings.filter(({ id }) => id === 'canary-failed') as [
      (typeof findings)[number],
    ]
    expect(what).toContain('Read and open failed: rule')
    expect(what).toContain('accepts none of the wrappings')
    expect(remedy).toContain('add it to `decrypt.cmk`')
    expect(canary?.steps.at(-1)).toMatchObject({ step: 'read and open', ok: false })
  }, 60_000)

  it('a producer without the right to unwrap is well, and its canary is looked at but not opened', async () => {
    const topic = await topicOf('doctor.only')
    const config = configOf([{ match: [topic], encrypt: { cmk: 'orders' } }], WRITER)
    const examination = await examine({ config, kafka: testKafka(), topics: [topic], canary: topic })
    await config.kms['tencent']?.close?.()
    expect(examination.findings).toEqual([])
    expect(examination.unchecked).toContainEqual({
      area: 'canary',
      text: 'whether it opens: its rule has no `decrypt`',
    })
    expect(examination.canary?.steps).toHaveLength(2)
  }, 60_000)

  it('a clock that differs from that of the broker is found by a canary in a topic that has the time of the broker', async () => {
    const topic = await topicOf('doctor.clock', { 'message.timestamp.type': 'LogAppendTime' })
    const rule: EncryptedTopicRule<string, string> = { match: [topic], encrypt: { cmk: 'main' } }
    const fly = async (offMs: number, afterSendMs = offMs): Promise<string[]> => {
      let asked = 0
      const wallMs = () => systemClock.wallMs() + (asked++ === 0 ? offMs : afterSendMs)
      const { outcomes } = await flyCanary({
        kafka: testKafka(),
        config: {
          kms: { memory: new MemoryKms() },
          cmks: { main: [{ kms: 'memory', id: 'a' }] },
          topics: [rule],
        },
        ...{ rule, topic, clock: { ...systemClock, wallMs } },
        signal: new AbortController().signal,
      })
      return outcomes.flatMap((each) => {
        if ('finding' in each) return [`${each.finding.id} ${each.finding.what}`]
        return 'fine' in each && each.fine.area === 'clock' ? [each.fine.text] : []
      })
    }
    expect(await fly(0)).toEqual([expect.stringMatching(/^it differs from that of the broker by at most /)])
    // The send took half a minute, and nobody knows when in it the broker looked at its clock.
    expect(await fly(0, 30_000)).toEqual([expect.stringMatching(/by at most (30|31) s$/)])
    expect(await fly(90_000)).toEqual([
      expect.stringMatching(/^clock-skew It is (89|90) s ahead of that of the broker\.$/),
    ])
    expect(await fly(-90_000)).toEqual([
      expect.stringMatching(/^clock-skew It is (89|90) s behind that of the broker\.$/),
    ])
  }, 60_000)
})

describe('kafka-envelope doctor', () => {
  const run = async (args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> => {
    const all = ['--import', import.meta.resolve('tsx'), join(ROOT, 'src/cli/main.ts'), 'doctor', ...args]
    const ended = promisify(execFile)(process.execPath, all, { cwd: folder })
    return ended.then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: unknown) => error as { code: number; stdout: string; stderr: string },
    )
  }

  it('it answers in JSON, and its exit code tells whether something is worse than a note', async () => {
    const topic = await topicOf('doctor.command')
    const brokers = process.env['KAFKA_BROKERS'] ?? ''
    const config = join(folder, 'doctor.mjs')
    const written = (encrypt: string): Promise<void> =>
      writeFile(
        config,
        `import { memoryKms } from '${join(ROOT, 'src/kms/memory/index.ts')}'
export const config = {
  kms: { memory: memoryKms({ cmks: ['a'] }) },
  cmks: { main: [{ kms: 'memory', id: 'a' }] },
  topics: [{ match: ['${topic}'], encrypt: { cmk: 'main'${encrypt} }, decrypt: { cmk: 'main' } }],
}`,
      )
    await written('')
    const well = await run([
      '--config',
      config,
      '--brokers',
      brokers,
      '--topics',
      topic,
      '--canary',
      topic,
      '--json',
    ])
    expect([well.code, well.stderr]).toEqual([0, ''])
    expect(JSON.parse(well.stdout)).toMatchObject({
      findings: [],
      canary: { topic, steps: [{ ok: true }, { ok: true }, { ok: true }] },
    })
    await written(", maxBatchBytes: '2MiB'")
    const ill = await run(['--config', config, '--brokers', brokers, '--topics', topic])
    expect([ill.code, ill.stderr]).toEqual([2, ''])
    expect(ill.stdout).toContain(`topic ${topic} [batch-limit-too-high]`)
  }, 60_000)
})
