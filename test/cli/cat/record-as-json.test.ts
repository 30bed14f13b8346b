import { describe, expect, it } from 'vitest'
import { openedAsJson, sealedAsJson } from '../../../src/cli/cat/record-as-json.js'
import { EnvelopeError } from '../../../src/errors.js'
import type { ReadOpened, StoredRecord } from '../../../src/operate/index.js'

const ATTACK = '\u001b[2J\u202e\u2028\n'
const stored: StoredRecord = {
  ...{ topic: 'orders', partition: 1, offset: '17', value: Buffer.from('sealed') },
  timestamp: String(Date.UTC(2026, 10, 29)),
  key: Buffer.from(`k${ATTACK}`),
  headers: { [`h${ATTACK}`]: [Buffer.from('1'), ''], bytes: Buffer.from([0, 255]) },
}
const { value: _, ...rest } = stored
const opened: ReadOpened = { ...rest, value: Buffer.from(ATTACK), envelope: undefined }

describe('a record as a line of JSON', () => {
  it('it is one line of ASCII, whatever the record has, from which the same text is read', () => {
    const line = openedAsJson(opened)
    expect(line).toMatch(/^[ -~]+\n$/)
    expect(JSON.parse(line)).toEqual({
      ...{ topic: 'orders', partition: 1, offset: '17', timestamp: '2026-11-29T00:00:00.000Z' },
      key: `k${ATTACK}`,
      headers: [
        { name: `h${ATTACK}`, value: '1' },
        { name: `h${ATTACK}`, value: '' },
        { name: 'bytes', valueBase64: 'AP8=' },
      ],
      value: ATTACK,
      envelope: null,
    })
  })

  it('bytes that are not UTF-8 are in base64, and null is null', () => {
    const bytes = Buffer.from([255])
    const parsed: unknown = JSON.parse(openedAsJson({ ...opened, key: bytes, value: bytes }))
    expect(parsed).toMatchObject({ keyBase64: '/w==', valueBase64: '/w==' })
    expect(JSON.parse(openedAsJson({ ...opened, key: null, value: null }))).toMatchObject({
      key: null,
      value: null,
    })
  })

  it('a record that does not open has an error and no value', () => {
    const error = new EnvelopeError('AUTHENTICATION_FAILED', 'the record differs from what was sealed')
    const line = openedAsJson({ ...rest, failure: { error, check: 'authentication', step: 11 } })
    const parsed = JSON.parse(line) as object
    expect(parsed).toMatchObject({
      error: { code: 'AUTHENTICATION_FAILED', kind: 'invalid', check: 'authentication', step: 11 },
    })
    expect(parsed).not.toHaveProperty('value')
  })

  it('a record that is not opened has a description and no value', () => {
    const parsed = JSON.parse(sealedAsJson(stored, { form: 'plaintext', bytes: 6 })) as object
    expect(parsed).toMatchObject({ offset: '17', sealed: { form: 'plaintext', bytes: 6 } })
    expect(parsed).not.toHaveProperty('value')
  })

  it('a record without a timestamp has null', () => {
    expect(JSON.parse(openedAsJson({ ...opened, timestamp: '-1' }))).toMatchObject({ timestamp: null })
  })
})
