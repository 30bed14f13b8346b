import type { IHeaders, KafkaMessage } from 'kafkajs'
import { expect, it } from 'vitest'
import { deadLetter } from '../../../src/clients/shared/dead-letter.js'

const reason = { code: 'NOT_SEALED', topic: 't', partition: 3, offset: '42' } as const
const record = (headers: unknown): KafkaMessage => ({
  key: null,
  value: Buffer.from('v'),
  timestamp: '5',
  attributes: 0,
  offset: '42',
  headers: headers as IHeaders,
})
const b = (text: string): Buffer => Buffer.from(text)

it('a null header becomes an empty one, and its name is listed, since KafkaJS cannot write null', () => {
  const { headers } = deadLetter(record({ a: null, b: [b('1'), null], c: b('') }), { ...reason, group: 'g' })
  expect(headers).toEqual({
    a: [b('')],
    b: [b('1'), b('')],
    c: [b('')],
    'kafka-envelope.error': 'NOT_SEALED',
    'kafka-envelope.topic': 't',
    'kafka-envelope.partition': '3',
    'kafka-envelope.offset': '42',
    'kafka-envelope.timestamp': '5',
    'kafka-envelope.group': 'g',
    'kafka-envelope.null-headers': '["a","b"]',
  })
})

it('a record of message format 0, which has neither headers nor a timestamp, becomes a letter without them', () => {
  const { offset } = reason
  const given = { attributes: 0, key: b('k'), value: b('v'), offset } as unknown as KafkaMessage
  expect(deadLetter(given, { ...reason, group: 'g' })).toEqual({
    key: b('k'),
    value: b('v'),
    headers: {
      'kafka-envelope.error': 'NOT_SEALED',
      'kafka-envelope.topic': 't',
      'kafka-envelope.partition': '3',
      'kafka-envelope.offset': '42',
      'kafka-envelope.group': 'g',
    },
  })
})

it('header names that are not UTF-8, which KafkaJS reads with replacements, are counted', () => {
  const names = [Buffer.of(0x61, 0xff), Buffer.from('ü')].map((bytes) => bytes.toString())
  const headers = Object.fromEntries(names.map((name) => [name, b('1')]))
  expect(deadLetter(record(headers), { ...reason, group: 'g' }).headers).toMatchObject({
    'a\ufffd': [b('1')],
    ü: [b('1')],
    'kafka-envelope.replaced-names': '1',
  })
})

it('a header named like a member of every object is written correctly, although KafkaJS reads it wrongly', () => {
  // As its decoder builds them.
  const odd = Object.fromEntries([
    ['constructor', [Object, b('1')]],
    ['__proto__', [Object.prototype, b('2')]],
  ])
  const { headers } = deadLetter(record(odd), { ...reason, group: undefined })
  expect(Object.entries(headers).slice(0, 2)).toEqual([
    ['constructor', [b('1')]],
    ['__proto__', [b('2')]],
  ])
  expect(Object.keys(headers)).not.toContain('kafka-envelope.group')
})

it('the record is not changed, and may have no headers', () => {
  const given = record({ 'kafka-envelope.error': b('forged'), h: b('1') })
  const before = { ...given.headers }
  expect(deadLetter(given, { ...reason, group: undefined }).headers).toMatchObject({
    'kafka-envelope.error': 'NOT_SEALED',
  })
  expect(given.headers).toEqual(before)
  expect(deadLetter({ ...given, headers: undefined }, { ...reason, group: undefined })).toMatchObject({
    key: null,
    value: b('v'),
  })
})
