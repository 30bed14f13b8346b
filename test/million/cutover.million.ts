import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, it } from 'vitest'
import type { CutoverReport } from '../../src/operate/index.js'
import { BROKERS, run } from './commands.js'
import { PARTITIONS } from './topic.js'

const { topic, folder, truth } = inject('million')
const MAX_OFFSET = '9223372036854775807'

/** Of consumers that accept all plaintext still. */
async function migrating(): Promise<string> {
  const file = join(folder, 'migrating.yaml')
  const offsets = Array.from({ length: PARTITIONS }, (_, i) => `${String(i)}: '${MAX_OFFSET}'`)
  const lines = [
    'version: 1 # of a migration',
    'kms: { local: { provider: local, keyring: keyring } }',
    'cmks: { cards: [{ kms: local, id: cards-2024 }] }',
    'topics:',
    `  - match: [${topic}]`,
    `    decrypt: { cmk: cards, plaintext: { untilOffsets: { ${topic}: { ${offsets.join(', ')} } } } }`,
    '',
  ]
  await writeFile(file, lines.join('\n'))
  return file
}

it('cutover counts the plaintext that still arrives, and does not end it', async () => {
  const file = await migrating()
  const before = await readFile(file, 'utf8')
  const args = ['cutover', topic, '--config', file, '--since', 'beginning', '--write', '--json', ...BROKERS]
  const { code, stdout, stderr } = await run(args)
  expect([code, stderr]).toEqual([2, ''])
  const { report, written } = JSON.parse(stdout) as { report: CutoverReport; written: unknown }
  expect(written).toBe(null)
  expect(await readFile(file, 'utf8')).toBe(before)
  const [{ partitions, writers, otherWriters }] = report.topics as [CutoverReport['topics'][number]]
  for (const {
    partition,
    isComplete,
    sealed,
    plaintext,
    unknownFormat,
    malformed,
    tombstones,
  } of partitions) {
    const rows = truth.partitions[partition]?.rows ?? {}
    expect({ isComplete, sealed, plaintext, unknownFormat, malformed, tombstones }).toEqual({
      isComplete: true,
      sealed: rows['kind sealed'],
      plaintext: rows['kind plaintext'],
      unknownFormat: rows['kind unknownFormat'],
      malformed: rows['kind malformed'],
      tombstones: rows['kind tombstone']?.records,
    })
  }
  const all = truth.partitions.reduce((sum, { rows }) => sum + (rows['kind plaintext']?.records ?? 0), 0)
  expect(writers.reduce((sum, { records }) => sum + records, otherWriters)).toBe(all)
})
