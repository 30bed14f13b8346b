import type { KafkaMessage } from 'kafkajs'
import { expect, it } from 'vitest'
import { openedMessage } from '../../../src/clients/kafkajs/opened-message.js'
import { ENVELOPE, messageOf } from '../../../src/clients/shared/messages.js'
import type { EnvelopeInfo } from '../../../src/record/record.js'

const envelope = { cmkId: 'one' } as EnvelopeInfo
const fromRecordBatch = {
  magicByte: 2,
  attributes: 0,
  timestamp: '1700000000000',
  offset: '7',
  key: Buffer.from('key'),
  value: Buffer.from('sealed'),
  headers: { header: Buffer.from('value') },
  isControlRecord: false,
  batchContext: { producerId: '-1' },
}

it.each<[string, object]>([
  ['a record batch', fromRecordBatch],
  ['a record batch, to which a tracer has added a member', { ...fromRecordBatch, traced: true }],
  ['a record batch, of which a member is missing', { ...fromRecordBatch, batchContext: undefined, size: 3 }],
  [
    'a message set',
    { attributes: 0, timestamp: '1', offset: '7', key: null, value: Buffer.alloc(1), size: 3 },
  ],
  ['no broker', { key: null, value: Buffer.alloc(1), offset: '7' }],
])('a message from %s gets its value and its envelope, and keeps all other members', (_, given) => {
  const record = given as KafkaMessage
  const before = { ...record }
  for (const value of [Buffer.from('opened'), null]) {
    const opened = openedMessage(record, { value, envelope })
    expect(opened).toEqual({ ...before, value, [ENVELOPE]: envelope })
    expect(opened).toEqual(messageOf(record, { value, envelope }))
    expect(openedMessage(record, { value, envelope: undefined })).toEqual({ ...before, value })
  }
  expect(record).toEqual(before)
})
