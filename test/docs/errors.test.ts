import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { EnvelopeError, errorCodes } from '../../src/errors.js'

const page = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8')

/** What the page says about each code: its kind, and the paragraphs on meaning and remedy. */
const entries = [...page.matchAll(/^### `(\w+)`\n(.*?)(?=^##|(?![^]))/gms)].map(
  ([, code = '', text = '']) => {
    const [first = '', ...others] = text.trim().split(/\n{2,}/)
    const [, kind, meaning = ''] = /^(?:Kind `(\w+)`|No kind)\.(.*)$/s.exec(first) ?? []
    return { code, kind, meaning: meaning.trim(), remedy: others.join(' ') }
  },
)

it('docs/errors.md lists every code once, and no other', () => {
  expect(entries.map(({ code }) => code).sort()).toEqual([...errorCodes()].sort())
})

it('docs/errors.md states the kind that an error of each code has', () => {
  const kinds = errorCodes().map((code) => [code, new EnvelopeError(code, 'x').kind])
  expect(Object.fromEntries(entries.map(({ code, kind }) => [code, kind]))).toEqual(Object.fromEntries(kinds))
})

it('docs/errors.md says about each code what it means and what to do', () => {
  expect(entries.filter(({ meaning, remedy }) => meaning === '' || remedy === '')).toEqual([])
})
