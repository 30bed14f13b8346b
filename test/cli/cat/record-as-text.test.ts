import { describe, expect, it } from 'vitest'
import { failureLine, sealedLine, valueLine } from '../../../src/cli/cat/record-as-text.js'
import { EnvelopeError } from '../../../src/errors.js'
import type { EnvelopeDescription, StoredRecord } from '../../../src/operate/index.js'

const record: StoredRecord = {
  ...{ topic: 'orders', partition: 1, offset: '17', timestamp: '0', key: null, value: null, headers: {} },
}
const ATTACK = '\u001b[2J\u001b]0;t\u0007\u009b\u202e\u200b\r\n'
const SEEN = /^[ -~\p{L}]*\n$/u

describe('a value on a line', () => {
  it('JSON stays JSON, with its backslashes', () => {
    const json = JSON.stringify({ text: 'say "hi"\n', path: 'a\\b', name: 'Żółć 漢' })
    expect(valueLine(Buffer.from(json))).toBe(`${json}\n`)
  })

  it('what would control a terminal, or would not be seen, is escaped, and so are line ends', () => {
    expect(valueLine(Buffer.from(`a${ATTACK}b\tc`))).toBe(
      'a\\x1b[2J\\x1b]0;t\\x07\\xc2\\x9b\\xe2\\x80\\xae\\xe2\\x80\\x8b\\x0d\\x0ab\\x09c\n',
    )
  })

  it('bytes that are not UTF-8 are in base64, and null is marked', () => {
    expect(valueLine(Buffer.from([1, 2, 255]))).toBe('base64:AQL/\n')
    expect(valueLine(null)).toBe('(null)\n')
    expect(valueLine(Buffer.alloc(0))).toBe('\n')
  })

  it('a value of several megabytes is shown whole', () => {
    expect(valueLine(Buffer.alloc(5_000_000, 'x'))).toHaveLength(5_000_001)
  })
})

describe('a line about a record', () => {
  it('it says which record does not open, why, and in which step', () => {
    const { value: _, ...rest } = record
    const error = new EnvelopeError('KMS_DENIED', `access denied${ATTACK}`, { kmsCode: `Denied${ATTACK}` })
    const failure = { error, check: 'unwrapping', step: 9 } as const
    const line = failureLine({ ...rest, failure }, failure)
    expect(line).toMatch(
      /^orders:1:17 does not open: KMS_DENIED \(unreadable\) in step 9, unwrapping: access denied/,
    )
    expect(line).toContain('; code of the KMS: Denied')
    expect(line).toMatch(SEEN)
  })

  it('it names CMK, DEK and size of an envelope, and the topic that it was sealed for if that is another', () => {
    const wrapping = {
      ...{ provider: 'local', cmkId: `orders${ATTACK}` },
      ciphertextDek: { bytes: 64, sha256: '0123456789abcdef' },
    }
    const envelope: EnvelopeDescription = { form: 'envelope', version: 1, bytes: 1219, wrappings: [wrapping] }
    const header = { topic: 'orders' } as NonNullable<EnvelopeDescription['header']>
    const line = sealedLine(record, { ...envelope, header })
    expect(line).toMatch(/^1:17 {2}envelope v1, CMK local orders\\x1b.*, DEK 0123456789ab, 1,219 bytes\n$/)
    expect(line).toMatch(SEEN)
    expect(sealedLine({ ...record, topic: 'orders.dead' }, { ...envelope, header })).toContain(
      ', sealed for orders, 1,219',
    )
    expect(sealedLine(record, { ...envelope, malformed: 'it ends early' })).toContain(
      'v1, malformed: it ends early',
    )
  })

  it.each([
    [{ form: 'tombstone' }, 'null'],
    [{ form: 'plaintext', bytes: 1 }, 'not sealed, 1 byte'],
    [{ form: 'confluent', bytes: 9 }, 'not sealed: in the wire format of Schema Registry, 9 bytes'],
    [{ form: 'avro', bytes: 9 }, 'not sealed here: an Avro message of another schema, 9 bytes'],
  ] as const)('%o without opening is "%s"', (value, text) => {
    expect(sealedLine(record, value)).toBe(`1:17  ${text}\n`)
  })
})
