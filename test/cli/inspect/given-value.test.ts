import { writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeValue, readValue } from '../../../src/cli/inspect/given-value.js'
import { temporaryFolder, type TemporaryFolder } from '../../kms/local/temporary-folder.js'

const ENVELOPE = Buffer.from('c3010fea18fa6fe363e8020a', 'hex')

describe('the encoding of a given value', () => {
  it('the encoding is recognised if the bytes start as an envelope does in that one alone', () => {
    const hex = ENVELOPE.toString('hex')
    const base64 = ENVELOPE.toString('base64')
    const wrapped = `${hex.slice(0, 10)}\n  ${hex.slice(10)}\r\n`
    for (const text of [hex, hex.toUpperCase(), wrapped, base64, `${base64}\n`]) {
      expect(decodeValue(Buffer.from(text), undefined)).toEqual(ENVELOPE)
    }
    expect(decodeValue(ENVELOPE, undefined)).toBe(ENVELOPE)
  })

  it('bytes that are neither hex nor base64 are raw', () => {
    for (const text of ['', '{"order":17}', 'abc', '\0\u0001', 'wwE', ' \n']) {
      expect(decodeValue(Buffer.from(text), undefined)).toEqual(Buffer.from(text))
    }
  })

  it('text that may be hex or base64 of something else is not guessed at', () => {
    for (const text of ['cafe', 'deadbeef\n', 'order+17', 'MTIzNA==']) {
      expect(decodeValue(Buffer.from(text), undefined)).toBe(
        'may be text or encoded bytes: give --encoding raw, hex or base64',
      )
      expect(decodeValue(Buffer.from(text), 'raw')).toEqual(Buffer.from(text))
    }
  })

  it('a value that is not in its encoding is refused', () => {
    expect(decodeValue(Buffer.from('cafe'), 'hex')).toEqual(Buffer.from('cafe', 'hex'))
    expect(decodeValue(Buffer.from('caf'), 'hex')).toBe('not hex')
    expect(decodeValue(Buffer.from('cafx'), 'hex')).toBe('not hex')
    expect(decodeValue(Buffer.from('MTIzNA=='), 'base64')).toEqual(Buffer.from('1234'))
    expect(decodeValue(Buffer.from('MTIzNA='), 'base64')).toBe('not base64')
  })
})

describe('a file with a value', () => {
  let folder: TemporaryFolder
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(() => folder.remove())

  it('the error of a value that cannot be read names its file', async () => {
    const file = folder.at('value')
    await expect(readValue(file, undefined)).rejects.toThrow(new Error(`${file}: file not found`))
    await writeFile(file, 'cafe')
    expect(await readValue(file, 'hex')).toEqual(Buffer.from('cafe', 'hex'))
    await expect(readValue(file, undefined)).rejects.toThrow(`${file}: may be text or encoded bytes`)
  })
})
