import type { KafkaMessage } from 'kafkajs'
import { expect, it } from 'vitest'
import { PlaintextWriters } from '../../../src/operate/cutover/plaintext-writers.js'

type Changes = Partial<KafkaMessage> & { batchContext?: { producerId: string; inTransaction: boolean } }

function message(offset: number, changes: Changes = {}): KafkaMessage {
  const record = { key: null, value: Buffer.from('{"a":1}'), timestamp: String(1000 + offset), attributes: 0 }
  return { ...record, offset: String(offset), headers: {}, ...changes } as KafkaMessage
}

it('writers are told apart by header names, key, form of the value, and kind of producer, and never by values', () => {
  const writers = new PlaintextWriters([])
  writers.add(0, message(0), false)
  writers.add(0, message(1, { value: Buffer.from(' [2]') }), false)
  writers.add(1, message(5, { key: Buffer.from('k'), headers: { b: 'secret', traceparent: 'x' } }), false)
  writers.add(1, message(6, { batchContext: { producerId: '7', inTransaction: false } }), false)
  writers.add(1, message(7, { batchContext: { producerId: '8', inTransaction: true } }), false)
  writers.add(1, message(8, { batchContext: { producerId: '-1', inTransaction: false } }), false)
  const none = { headers: [], headerValues: {}, frameworks: [], key: 'none', value: 'JSON' }
  expect(writers.list(() => false)).toEqual([
    {
      ...{ ...none, producer: 'neither', producerIds: [], records: 3, earliest: 1000, latest: 1008 },
      partitions: [
        { partition: 0, last: '1' },
        { partition: 1, last: '8' },
      ],
    },
    {
      ...{ ...none, headers: ['b', 'traceparent'], frameworks: ['OpenTelemetry or another W3C tracer'] },
      ...{ key: 'text', producer: 'neither', producerIds: [], records: 1, earliest: 1005, latest: 1005 },
      partitions: [{ partition: 1, last: '5' }],
    },
    expect.objectContaining({ producer: 'idempotent', producerIds: ['7'] }),
    expect.objectContaining({ producer: 'transactional', producerIds: ['8'] }),
  ])
  expect(JSON.stringify(writers.list(() => false))).not.toContain('secret')
})

it('values of headers tell writers apart if they were asked for, and are cut', () => {
  const writers = new PlaintextWriters(['app', 'constructor'])
  const long = 'x'.repeat(100)
  writers.add(0, message(0, { headers: { app: Buffer.from('signup'), other: 'o' } }), false)
  writers.add(0, message(1, { headers: { app: ['a', Buffer.from(long)], other: 'o' } }), false)
  expect(writers.list(() => false).map(({ headerValues }) => headerValues)).toEqual([
    { app: 'signup' },
    { app: `a, ${long.slice(0, 57)}` },
  ])
})

it.each([
  ['0000000a0702ff00ff', 'wire format of a schema registry, schema 2567'],
  // Numbers of 5 and 8 bytes, and one that is no schema: none of them is shown.
  ['0000000a07', 'binary'],
  ['00000001065bcd15', 'binary'],
  ['0007000a0702ff00ff', 'binary'],
  ['000000000002ff00ff', 'binary'],
  ['c3010011223344556677ff', 'Avro schema 0011223344556677'],
  ['', 'empty'],
  ['ff00', 'binary'],
  ['68c3a9', 'text'],
  [`${'61'.repeat(255)}c3a9`, 'text'],
])('the first bytes of the value %s look like %s', (hex, form) => {
  const writers = new PlaintextWriters([])
  writers.add(0, message(0, { value: Buffer.from(hex, 'hex') }), false)
  expect(writers.list(() => false)[0]?.value).toBe(form)
})

it('memory does not grow with the records: the first 50 writers and 10 producers of each are kept', () => {
  const writers = new PlaintextWriters([])
  for (let i = 0; i < 60; i++) {
    writers.add(0, message(i, { headers: { [`h${String(i)}`]: '' } }), false)
    writers.add(0, message(i, { batchContext: { producerId: String(i), inTransaction: false } }), false)
  }
  expect(writers.list(() => false)).toHaveLength(50)
  expect(writers.list(() => false)[0]).toMatchObject({ records: 60 })
  expect(writers.list(() => false)[0]?.producerIds).toHaveLength(10)
  expect(writers.others).toBe(11)
})

it('writers of plaintext that has ended are left out: only refused records count there', () => {
  const writers = new PlaintextWriters([])
  writers.add(0, message(0), false)
  writers.add(0, message(1), true)
  writers.add(1, message(5, { key: Buffer.from('k') }), false)
  const partitions = [{ partition: 0, last: '1' }]
  expect(writers.list(() => true)).toEqual([
    expect.objectContaining({ records: 1, earliest: 1001, partitions }),
  ])
  expect(writers.list((partition) => partition === 0)).toHaveLength(2)
})
