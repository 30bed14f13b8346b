import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Encryption } from '../../../src/index.js'
import { Findings } from '../../../src/operate/scan/findings.js'
import { sealRecords } from '../../../src/record/index.js'
import { memoryEncryption } from '../../support/encryption.js'

let encryption: Encryption
beforeAll(async () => {
  const encrypt = { cmk: 'main', context: { app: 'pay', env: 'prod' }, compression: 'gzip' } as const
  ;({ encryption } = await memoryEncryption([{ match: ['t', 'u'], encrypt }]))
})
afterAll(() => encryption.close())

async function sealed(topic: string, value: string): Promise<Buffer> {
  const [record] = await sealRecords(encryption, [{ topic, value }])
  return record?.value as Buffer
}

it('an envelope shows what it was sealed with, and how many bytes sealing added', async () => {
  const findings = new Findings()
  const value = await sealed('t', 'a')
  const [finding, overhead] = findings.of(value)
  expect(finding).toMatchObject({
    kind: 'sealed',
    format: 'v1',
    sealing: {
      suite: '1',
      compression: 'gzip',
      cmks: ['memory cmk'],
      context: 'app=pay,env=prod',
      sealedFor: 't',
    },
  })
  // A body of one byte, compressed.
  expect(value.length - overhead).toBe(21)
})

it('envelopes of one session and topic give the same finding, in any order', async () => {
  const findings = new Findings()
  const values = [
    await sealed('t', 'a'),
    await sealed('u', 'b'),
    await sealed('t', 'c'),
    await sealed('t', 'd'),
  ]
  const found = values.map((value) => findings.of(value)[0])
  expect(found[2]).toBe(found[0])
  expect(found[3]).toBe(found[0])
  expect(found[1]).not.toBe(found[0])
})

it('what is not an envelope is told apart', async () => {
  const findings = new Findings()
  const value = await sealed('t', 'a')
  const kinds = (input: Buffer | null): string => findings.of(input)[0].kind
  expect(kinds(value)).toBe('sealed')
  expect(kinds(null)).toBe('tombstone')
  expect(kinds(Buffer.from(''))).toBe('plaintext')
  expect(kinds(Buffer.from('{"a":1}'))).toBe('plaintext')
  expect(kinds(Buffer.of(0xc3, 1, 2))).toBe('malformed')
  const foreign = Buffer.from('c3010011223344556677ff', 'hex')
  expect(findings.of(foreign)[0]).toEqual({ kind: 'unknownFormat', format: 'Avro schema 0011223344556677' })
  // After a genuine one, whose start is remembered: each cut, a byte too many, and a changed length.
  for (let length = 10; length < value.length; length++)
    expect(kinds(value.subarray(0, length))).toBe('malformed')
  expect(kinds(Buffer.concat([value, Buffer.of(0)]))).toBe('malformed')
  expect(kinds(value)).toBe('sealed')
})

it('any number of different preambles take a bounded memory, and are still told apart', async () => {
  const findings = new Findings()
  const value = await sealed('t', 'a')
  const at = value.indexOf('memory') + 'memory'.length + 1
  for (let i = 0; i < 5000; i++) {
    const other = Buffer.from(value)
    other.write(String(i % 1000).padStart(3, '0'), at, 'latin1')
    expect(findings.of(other)[0].sealing?.cmks).toEqual([`memory ${String(i % 1000).padStart(3, '0')}`])
  }
})
