import * as v from 'valibot'
import { CONTEXT_TEXT, MAX_BOUND_HEADERS, MAX_BOUND_HEADER_BYTES, TOPIC } from '../envelope/bounds.js'

/*
 * The values of a configuration. Where Valibot runs code (`check`), the metadata beside it says the same in words of
 * JSON Schema; `npm run schema` reads both.
 */

export const count = (min: number, max: number): v.GenericSchema<number> => {
  const expected = `expected a whole number from ${String(min)} to ${String(max)}`
  return v.pipe(
    v.number('expected a number'),
    v.integer(expected),
    v.minValue(min, expected),
    v.maxValue(max, expected),
  )
}

export const share = (min: number, max: number): v.GenericSchema<number> => {
  const expected = `expected ${String(min)} to ${String(max)}`
  return v.pipe(v.number('expected a number'), v.minValue(min, expected), v.maxValue(max, expected))
}

const text = (what: string, pattern: RegExp, expected: string): v.GenericSchema<string> =>
  v.pipe(v.string(`expected ${what}`), v.regex(pattern, `expected ${expected}`))

export const name: v.GenericSchema<string> = text(
  'a name',
  /^[A-Za-z0-9_.:*/-]{1,256}$/,
  '1 to 256 of A-Z a-z 0-9 _ . : * / -',
)
export const pattern: v.GenericSchema<string> = text(
  'a topic name or glob',
  /^[A-Za-z0-9._*-]{1,249}$/,
  'a topic name or glob: 1 to 249 of A-Z a-z 0-9 . _ - *',
)
export const topicName: v.GenericSchema<string> = text('a topic name', TOPIC.pattern, 'a topic name')
/** A topic that records may have been sealed for, or a prefix of such topics. */
export const origin: v.GenericSchema<string> = text(
  'a topic name',
  /^[A-Za-z0-9._-]{1,249}$|^[A-Za-z0-9._-]{1,248}\*$/,
  'a topic name, or a prefix and one trailing *',
)

const contextText = text('text', CONTEXT_TEXT.pattern, '1 to 128 of A-Z a-z 0-9 . _ : / @ = + -')
export const context: v.GenericSchema<Record<string, string>> = v.record(
  contextText,
  contextText,
  'expected an object of texts',
)

const headerName = v.pipe(
  v.string('expected the name of a header'),
  v.check(
    (name) => name.isWellFormed() && name !== '' && Buffer.byteLength(name) <= MAX_BOUND_HEADER_BYTES,
    `expected 1 to ${String(MAX_BOUND_HEADER_BYTES)} bytes of well-formed text`,
  ),
  v.metadata({ pattern: `^[^\\ud800-\\udfff]{1,${String(MAX_BOUND_HEADER_BYTES)}}$` }),
)
export const headerNames: v.GenericSchema<string[]> = v.pipe(
  v.array(headerName, 'expected a list of header names'),
  v.maxLength(MAX_BOUND_HEADERS, `expected at most ${String(MAX_BOUND_HEADERS)} names`),
  v.check((names) => new Set(names).size === names.length, 'duplicate name'),
  v.metadata({ uniqueItems: true }),
)

export const flag: v.GenericSchema<boolean> = v.boolean('expected true or false')
export const tombstones: v.GenericSchema<'pass' | 'reject'> = v.picklist(
  ['pass', 'reject'],
  "expected 'pass' or 'reject'",
)

/** The content of a dictionary in base64 (RFC 4648, section 4): 1 to 32,768 bytes. */
export const base64Dictionary: v.GenericSchema<string> = v.pipe(
  v.string('expected base64'),
  v.regex(
    /^(?!$)(?:[A-Za-z0-9+/]{4}){0,10922}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
    'expected 1 to 32768 bytes in base64, padded and without white space',
  ),
)
