import { describe, expect, it } from 'vitest'
import { explainInspection } from '../../../src/cli/inspect/explain-inspection.js'
import { inspectionAsJson } from '../../../src/cli/inspect/inspection-as-json.js'
import { printableValue } from '../../../src/cli/inspect/printable-value.js'
import { inspectRecord, type Inspection } from '../../../src/operate/index.js'
import { sealRecords } from '../../../src/record/index.js'
import { memoryEncryption } from '../../support/encryption.js'

/** Clears the screen, changes the title of the window, and writes to the left. */
const HOSTILE = '\u001b[2J\u001b]0;x\u0007\u202e\r\n'

/** What a terminal would take as more than text. */
const unseen = (text: string): string[] =>
  [...text].filter((each) => /[\p{C}\p{Zl}\p{Zp}]/u.test(each) && each !== '\n')

function explain(inspection: Inspection, isGiven = false): string {
  return explainInspection('orders:0:42', inspection, isGiven)
}

describe('a record on a terminal', () => {
  it('nothing that comes from a record controls the terminal, or begins a line of its own', async () => {
    const headers = { [HOSTILE]: 'x', 'kafka-envelope.error': HOSTILE, [`kafka-envelope.${HOSTILE}`]: 'y' }
    const text = explain({
      ...(await inspectRecord({ value: Buffer.from('x'), headers, timestamp: HOSTILE })),
      opened: Buffer.from(`${HOSTILE}end`),
    })
    expect(unseen(text)).toEqual([])
    expect(text).toContain('\\x1b[2J')
    expect(text).toContain('\n  end\n')
    expect(explainInspection(HOSTILE, await inspectRecord({ value: null }), true)).not.toContain('\u001b')
  })

  it('names of bound headers, which an envelope may choose freely, are escaped', async () => {
    const { encryption } = await memoryEncryption([
      { match: ['t'], encrypt: { cmk: 'main', bindHeaders: [HOSTILE] }, decrypt: { cmk: 'main' } },
    ])
    const [sealed] = await sealRecords(encryption, [{ topic: 't', value: 'v', headers: { [HOSTILE]: 'x' } }])
    const value = sealed?.value ?? null
    expect(unseen(explain(await inspectRecord({ value })))).toEqual([])
    // Without its header, the record does not authenticate.
    const refused = await inspectRecord({ value, topic: 't' }, { encryption, open: true })
    expect(refused.trial?.failure?.code).toBe('AUTHENTICATION_FAILED')
    expect(unseen(explain(refused, true))).toEqual([])
  })

  it('only the first of many headers are listed', async () => {
    const headers = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`h${String(i)}`, 'x']))
    const text = explain(await inspectRecord({ value: null, headers }))
    expect(text.split('\n').length).toBeLessThan(70)
    expect(text).toContain('and 4,950 more\n')
  })

  it('a long name of a header is cut', async () => {
    const text = explain(await inspectRecord({ value: null, headers: { ['x'.repeat(100_000)]: 'y' } }))
    expect(text).toContain(`${'x'.repeat(256)}…: 1 byte`)
  })

  it('JSON controls no terminal either', async () => {
    const headers = { [`${HOSTILE}\u009b2J`]: 'x' }
    const found = await inspectRecord({ value: null, headers })
    const json = inspectionAsJson({ ...found, opened: Buffer.from('ü\u009b') })
    expect(unseen(json)).toEqual([])
    expect(JSON.parse(json)).toEqual({ ...found, opened: { bytes: 4, text: 'ü\u009b' } })
  })

  it('a form is named for every value', async () => {
    const form = async (hex: string | null) =>
      /form +(.*)/.exec(
        explain(await inspectRecord({ value: hex === null ? null : Buffer.from(hex, 'hex') })),
      )?.[1]
    expect(await form(null)).toBe('null, a tombstone')
    expect(await form('7b7d')).toBe('not sealed')
    expect(await form('0000000001')).toBe(
      'not sealed; starts with a zero byte, as messages of Schema Registry do',
    )
    expect(await form('c30100')).toBe(
      'starts as an Avro message does, but ends within the fingerprint of the schema',
    )
    expect(await form('c301001122334455667701')).toBe(
      'Avro message of another schema, fingerprint 0011223344556677',
    )
    expect(await form('c3010fea18fa6fe363e8ff')).toBe('envelope, version 1, malformed')
  })
})

describe('an opened value on a terminal', () => {
  it('text is shown in lines, with everything escaped that would not be seen', () => {
    expect(printableValue(Buffer.from('{\n\t"a": "ü\u0000"\n}'))).toEqual(['{', '\\x09"a": "ü\\x00"', '}'])
    expect(printableValue(Buffer.alloc(0))).toEqual([])
  })

  it('bytes that are not UTF-8 are shown in hex', () => {
    expect(printableValue(Buffer.alloc(40, 0xff))).toEqual(['ff'.repeat(32), 'ff'.repeat(8)])
  })

  it('a large value is cut, and says how much is left', () => {
    const lines = printableValue(Buffer.alloc(1_000_000, 'x'))
    expect(lines.join('').length).toBeLessThan(17_000)
    expect(lines.at(-1)).toBe('… and 983,616 bytes more; --raw and --json give all')
  })

  it('JSON has text as text, and other bytes in hex', () => {
    const opened = (value: Buffer | null): unknown =>
      (JSON.parse(inspectionAsJson({ ...SEEN, opened: value })) as { opened: unknown }).opened
    expect(opened(Buffer.from('ü'))).toEqual({ bytes: 2, text: 'ü' })
    expect(opened(Buffer.of(255))).toEqual({ bytes: 1, hex: 'ff' })
    expect(opened(null)).toBeNull()
    expect(JSON.parse(inspectionAsJson(SEEN))).toEqual(SEEN)
  })
})

const SEEN: Inspection = { record: { key: null, headers: [] }, value: { form: 'tombstone' } }
