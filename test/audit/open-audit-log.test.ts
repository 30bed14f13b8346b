import { randomBytes } from 'node:crypto'
import { appendFile, chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openAuditLog, verifyAuditLog, type AuditHead } from '../../src/audit/index.js'
import { EnvelopeError } from '../../src/errors.js'
import type { EncryptionEvents, Override } from '../../src/index.js'
import { internalsOf } from '../../src/record/internals.js'
import { openRecords } from '../../src/record/index.js'
import { VERSION } from '../../src/version.js'
import { temporaryFolder, type TemporaryFolder } from '../kms/local/temporary-folder.js'
import { consume, message } from '../clients/kafkajs/consuming.js'
import { owner, settle } from '../keys/owner.js'
import { CANARY, thrownBy } from '../support/emissions.js'
import { audited, linesIn } from './audited.js'

/** What an event or an error has, but no line of the log. */
const NOTE = 'a note of this test'

let folder: TemporaryFolder
let file: string

beforeEach(async () => {
  folder = await temporaryFolder()
  file = folder.at('audit.jsonl')
})
afterEach(() => folder.remove())

describe('lines', () => {
  it('an audit log has a line for each DEK that is created, retired with the reason, and destroyed', async () => {
    const { seal, encryption, end } = await audited(file)
    await seal(2)
    await encryption.rotate()
    await end()
    const lines = await linesIn(file)
    const [first, second] = lines.filter(({ event }) => event === 'dek.created')
    expect(lines.map(({ event, sessionId, reason }) => [event, sessionId, reason])).toEqual([
      ['audit.started', undefined, undefined],
      ['dek.created', first?.['sessionId'], undefined],
      ['dek.destroyed', first?.['sessionId'], undefined],
      ['dek.retired', first?.['sessionId'], 'manual'],
      ['dek.created', second?.['sessionId'], undefined],
      ['dek.destroyed', second?.['sessionId'], undefined],
      ['dek.retired', second?.['sessionId'], 'closed'],
      ['audit.closed', undefined, undefined],
    ])
    expect(lines[0]).toMatchObject({
      ...{ seq: 0, format: 1, algorithm: 'sha256', pid: process.pid, version: VERSION },
      engine: process.env['KAFKA_ENVELOPE_ENGINE'],
      instance: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    })
    expect(lines[1]).toMatchObject({ rule: 't', cmkIds: ['cmk'], origin: 'made' })
    expect(lines[3]).toMatchObject({ messages: 2, rule: 't' })
  })

  it('an audit log has a line for each denial of a KMS, and none for calls that work or fail transiently', async () => {
    const { seal, kms, end } = await audited(file)
    for (const code of ['KMS_UNAVAILABLE', 'KMS_DENIED', 'CMK_DISABLED'] as const) {
      kms.failure = new EnvelopeError(code, 'no')
      await expect(seal()).rejects.toMatchObject({ code })
    }
    kms.failure = undefined
    await seal()
    await end()
    const denied = (await linesIn(file)).filter(({ event }) => event === 'kms.call')
    const common = { event: 'kms.call', kms: 'memory', cmkId: 'cmk', operation: 'generate' }
    expect(denied).toMatchObject([
      { ...common, code: 'KMS_DENIED' },
      { ...common, code: 'CMK_DISABLED' },
    ])
  })

  it('rejected records and stopped consumers have a line each, without the message of an error', async () => {
    const { encryption, end } = await audited(file)
    const { events } = internalsOf(encryption, 'the test')
    const place = { topic: 't', partition: 1, offset: '7' }
    const rejected: EncryptionEvents['record.rejected'] = {
      ...{ rule: 't', code: 'NOT_SEALED', kind: 'invalid', action: 'skip', ...place },
    }
    events.emit('record.rejected', { ...rejected, note: NOTE } as typeof rejected)
    events.emit('consumer.stopped', { groupId: 'g', code: 'NOT_SEALED', message: 'a message', ...place })
    await end()
    const [, first, second] = await linesIn(file)
    const members = ['seq', 'time', 'event', 'rule', 'topic', 'partition', 'offset', 'code', 'kind', 'action']
    expect(Object.keys(first ?? {})).toEqual([...members, 'prev', 'hash'])
    expect(first).toMatchObject(rejected)
    expect(second).toMatchObject({ event: 'consumer.stopped', groupId: 'g', code: 'NOT_SEALED', ...place })
    expect(second).not.toHaveProperty('message')
  })

  it('plaintext that a rule lets through has one line for each partition in ten seconds', async () => {
    const plaintext = { untilOffsets: { t: { 0: '100', 1: '100' } } }
    const topics = [{ match: ['t'], decrypt: { cmk: 'main', plaintext } }]
    const { encryption, clock, audit, end } = await audited(file, {}, { config: { topics } })
    const read = (partition: number, offset: string) =>
      openRecords(encryption, [{ topic: 't', partition, offset, value: Buffer.from(CANARY) }])
    for (const offset of ['5', '6', '3']) await read(0, offset)
    await read(1, '9')
    clock.advance(10_000)
    await read(0, '7')
    await audit.flush()
    await read(0, '8')
    await end()
    const lines = (await linesIn(file)).filter(({ event }) => event === 'plaintext.delivered')
    expect(
      lines.map(({ partition, messages, firstOffset, lastOffset, untilOffset }) => [
        ...[partition, messages, firstOffset, lastOffset, untilOffset],
      ]),
    ).toEqual([
      [0, 3, '3', '6', '100'],
      [1, 1, '9', '9', '100'],
      [0, 1, '7', '7', '100'],
      [0, 1, '8', '8', '100'],
    ])
  })

  it('an override has a line when the log begins, and another when it is used', async () => {
    const override: Override = {
      ...{ topic: 't', partition: 0, offset: '1', code: 'NOT_SEALED', action: { deadLetter: 'dead' } },
      ...{ until: '2023-12-01T00:00:00Z', by: 'ops', why: 'INC-42' },
    }
    const { encryption, end } = await audited(file, {}, { config: { overrides: [override] } })
    const { batch } = await consume(encryption)
    await batch([message(Buffer.from(CANARY), 1)])
    await end()
    const lines = (await linesIn(file)).filter(({ event }) => event.includes('override'))
    const members = { ...override, rule: 't', action: 'deadLetter', deadLetter: 'dead', state: 'active' }
    expect(lines).toMatchObject([
      { event: 'audit.override', ...members },
      { event: 'override.used', ...members },
    ])
  })

  it('a DEK that seals before the log begins has a line, and so has what happens while the log opens', async () => {
    const { seal, encryption } = await owner()
    await seal()
    const opening = openAuditLog(encryption, { file })
    await encryption.rotate()
    const audit = await opening
    await encryption.close()
    await audit.close()
    const [started, inUse, destroyed, retired] = await linesIn(file)
    expect(started?.event).toBe('audit.started')
    const sessionId = inUse?.['sessionId']
    expect([inUse, destroyed, retired]).toMatchObject([
      { event: 'audit.dekInUse', sessionId },
      { event: 'dek.destroyed', sessionId },
      { event: 'dek.retired', sessionId, reason: 'manual' },
    ])
  })
})

it('an audit log has neither key bytes nor plaintext, nor its own key, in any form', async () => {
  const key = randomBytes(32)
  const plaintext = { untilOffsets: { t: { 0: '100' } } }
  const topics = [
    { match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main', plaintext } },
    { match: ['u'], decrypt: { cmk: 'main' } },
  ]
  const { encryption, seal, end, kms } = await audited(file, { key }, { config: { topics } })
  const [sealed = null] = await seal()
  const records = [sealed, Buffer.from(CANARY)].map((value, i) => ({
    ...{ topic: 't', partition: 0, offset: String(i), value, headers: { a: CANARY } },
  }))
  const opened = await openRecords(encryption, records)
  expect(opened.map(({ error }) => error?.code)).toEqual([undefined, undefined])
  kms.failure = new EnvelopeError('KMS_DENIED', NOTE)
  encryption.evict('cmk')
  await thrownBy(() => seal())
  await end()
  // Also looked for DEKs, by the after-all tests.
  const text = await readFile(file, 'utf8')
  await linesIn(file)
  for (const secret of [key, Buffer.from(CANARY), Buffer.from(NOTE)])
    for (const form of ['hex', 'base64', 'base64url', 'latin1'] as const)
      expect(text).not.toContain(secret.toString(form).replace(/=+$/, ''))
  expect(text).toContain('plaintext.delivered')
  expect(text).toContain('KMS_DENIED')
})

describe('starts', () => {
  it('a log goes on in its file after a restart, and verifies as one', async () => {
    for (let start = 0; start < 3; start++) {
      const { seal, end } = await audited(file)
      await seal()
      await end()
    }
    const lines = await linesIn(file)
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, i) => i))
    expect(lines.filter(({ event }) => event === 'audit.started')).toHaveLength(3)
    const result = await verifyAuditLog([file])
    expect(result).toMatchObject({ isIntact: true, notes: [], head: { seq: lines.length - 1 } })
  })

  it.each([
    ['half a line', '{"seq":3,"ti'],
    ['several lines', '{"seq"\n\nx'],
    ['nothing but a line break', '\n'],
    ['zeros', '\0'.repeat(500)],
  ])('a start names %s that a crash left, and the log verifies with a note', async (_, rest) => {
    const { end, audit } = await audited(file)
    await end()
    await appendFile(file, rest)
    const before = await verifyAuditLog([file], { heads: [audit.head.hash] })
    expect(before).toMatchObject({
      isIntact: false,
      findings: [{ problem: rest.endsWith('\n') ? 'unreadable' : 'unfinished', line: 3 }],
    })
    await (await audited(file)).end()
    const result = await verifyAuditLog([file], { heads: [audit.head.hash] })
    expect(result).toMatchObject({ isIntact: true, notes: [{ line: 3 }] })
    expect(result.notes).toHaveLength(1)
  })

  it('a start goes on after a whole line whose line break a crash left out', async () => {
    const { end } = await audited(file)
    await end()
    const whole = await readFile(file)
    await writeFile(file, whole.subarray(0, -1))
    await (await audited(file)).end()
    expect((await readFile(file)).subarray(0, whole.length)).toEqual(whole)
    expect(await verifyAuditLog([file])).toMatchObject({ isIntact: true, notes: [] })
  })

  it('a start finds a log whose process did not close it, and verification says so', async () => {
    const first = await audited(file)
    await folder.removeFile('audit.jsonl.lock')
    await (await audited(file)).end()
    const { notes, isIntact } = await verifyAuditLog([file])
    expect(isIntact).toBe(true)
    expect(notes).toMatchObject([{ line: 2 }])
    await first.end()
  })

  it('a start refuses a file whose last line was changed, has another key, or is not that of a log', async () => {
    const { end } = await audited(file)
    await end()
    const text = await readFile(file, 'utf8')
    const refused = async (content: string, key?: Uint8Array) => {
      await writeFile(file, content)
      const { encryption } = await owner()
      const error = await thrownBy(() => openAuditLog(encryption, { file, ...(key && { key }) }))
      expect(error).toMatchObject({ code: 'AUDIT_LOG_UNUSABLE', kind: undefined })
      expect(await readFile(file, 'utf8')).toBe(content)
      expect(await readdir(dirname(file))).toEqual(['audit.jsonl'])
      await encryption.close()
    }
    await refused(text.replace('audit.closed', 'audit.opened'))
    await refused(text, randomBytes(32))
    await refused('x'.repeat(3 * 2 ** 20))
  })

  it('the file is readable by its owner only, and one that others may write to is refused', async () => {
    const { end } = await audited(file)
    await end()
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    await chmod(file, 0o622)
    const { encryption } = await owner()
    await expect(openAuditLog(encryption, { file })).rejects.toMatchObject({ code: 'AUDIT_LOG_UNUSABLE' })
    await encryption.close()
  })

  it('options with mistakes are refused, all at once, and no message has a part of the key', async () => {
    const { encryption } = await owner()
    const options = { file: '', key: Buffer.from(CANARY), maxFileBytes: '1KB', onHead: 1, more: CANARY }
    const error = await thrownBy(() => openAuditLog(encryption, options as never))
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
    const paths = (error as EnvelopeError).issues.map(({ path }) => path)
    expect(paths).toEqual(expect.arrayContaining(['file', 'key', 'maxFileBytes', 'onHead', 'more']))
    expect(await thrownBy(() => openAuditLog({} as never, { file }))).toMatchObject({
      code: 'CONFIG_INVALID',
    })
    await encryption.close()
  })
})

describe('heads', () => {
  it('onHead gets the head at the start, at most once in each interval, and at the end', async () => {
    const heads: AuditHead[] = []
    const { seal, clock, audit, encryption } = await audited(file, {
      headEvery: '1m',
      onHead: (head) => heads.push(head),
    })
    expect(heads).toEqual([audit.head])
    await seal()
    await audit.flush()
    await encryption.rotate()
    await audit.flush()
    expect(heads).toHaveLength(1)
    clock.advance(60_000)
    expect(heads.slice(1)).toEqual([audit.head])
    clock.advance(600_000)
    expect(heads).toHaveLength(2)
    await encryption.close()
    const last = await audit.close()
    expect(heads.slice(2)).toEqual([last])
    expect(await audit.close()).toEqual(last)
    const result = await verifyAuditLog([file], { heads: heads.map(({ hash }) => hash) })
    expect(result).toMatchObject({ isIntact: true, head: last })
    await settle()
    expect(clock.timers).toBe(0)
  })
})
