import { readFile, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { kafkaEnvelopeCommand } from '../../../src/cli/program.js'
import { temporaryFolder, type TemporaryFolder } from '../../kms/local/temporary-folder.js'

const CONFIG = `version: 1
cmks: { orders: [{ kms: dev, id: orders-2026 }] }
topics:
  - { match: [orders], decrypt: { cmk: orders } } # the readers
`
let folder: TemporaryFolder
let file: string

beforeEach(async () => {
  folder = await temporaryFolder()
  file = folder.at('kafka-envelope.yaml')
  await writeFile(file, CONFIG)
})
afterEach(async () => {
  vi.restoreAllMocks()
  await folder.remove()
})

/** Runs `kafka-envelope allow …`, and returns what it prints. @throws what it reports */
async function allow(...args: readonly string[]): Promise<string> {
  let text = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk)
    return true
  })
  const program = kafkaEnvelopeCommand().exitOverride()
  await program.parseAsync(['node', 'kafka-envelope', 'allow', ...args, '--config', file])
  return text
}

const SIGNED = ['--code', 'NOT_SEALED', '--until', '7d', '--by', 'ops', '--why', 'INC-42: ${X} "#"']

describe('kafka-envelope allow', () => {
  it('an override is written, listed and removed again, and the rest of the file stays', async () => {
    expect(await allow('orders:0:1', ...SIGNED, '--skip')).toContain(
      'orders:0:1 is skipped if it fails with NOT_SEALED',
    )
    expect(await allow('orders:3:0012', ...SIGNED, '--dead-letter', 'orders.dead')).toContain(
      'sent to orders.dead',
    )
    const text = await readFile(file, 'utf8')
    expect(text.startsWith(CONFIG)).toBe(true)
    expect(text).not.toContain('valueSha256')
    const { overrides } = JSON.parse(await allow('list', '--json')) as { overrides: unknown[] }
    expect(overrides).toMatchObject([
      {
        topic: 'orders',
        partition: 0,
        offset: '1',
        action: 'skip',
        why: 'INC-42: ${X} "#"',
        state: 'active',
      },
      { topic: 'orders', partition: 3, offset: '12', action: { deadLetter: 'orders.dead' }, by: 'ops' },
    ])
    expect(await allow('list')).toContain('has 2 overrides')
    expect(await allow('remove', 'orders:0:1')).toContain('has no override for orders:0:1 any more')
    await expect(allow('remove', 'orders:0:1')).rejects.toThrow('has no override for orders:0:1')
    expect(await allow('list')).toContain('has 1 override\n')
    await allow('remove', 'orders:3:12')
    expect(await readFile(file, 'utf8')).toBe(`${CONFIG}overrides: []\n`)
  })

  it.each([
    [
      'a second override of the record',
      ['orders:0:7', ...SIGNED, '--skip'],
      'has an override for orders:0:7 already',
    ],
    ['no action', ['orders:0:1', ...SIGNED], 'give --skip, or --dead-letter'],
    [
      'nobody who signs',
      ['orders:0:1', '--code', 'NOT_SEALED', '--until', '7d', '--why', 'x', '--skip'],
      'give --code, --until, --by and --why',
    ],
    [
      'a transient failure',
      ['orders:0:1', ...SIGNED.with(1, 'KMS_TIMEOUT'), '--skip'],
      'this failure is transient',
    ],
    ['more than a year', ['orders:0:1', ...SIGNED.with(3, '367d'), '--skip'], 'at most 366 days ahead'],
    ['a topic without a rule', ['payments:0:1', ...SIGNED, '--skip'], 'not matched by any rule'],
    [
      'a dead letter that comes back',
      ['orders:0:1', ...SIGNED, '--dead-letter', 'orders'],
      'would loop forever',
    ],
  ])('the file is not changed for %s', async (_, args, expected) => {
    await allow('orders:0:7', ...SIGNED, '--skip')
    const before = await readFile(file, 'utf8')
    await expect(allow(...args)).rejects.toThrow(expected)
    expect(await readFile(file, 'utf8')).toBe(before)
  })
})
