import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { FINDINGS } from '../../src/operate/doctor/finding.js'

const page = readFileSync(new URL('../../docs/doctor.md', import.meta.url), 'utf8')

it('the table in docs/doctor.md has each finding with its severity, in the order of the code', () => {
  const rows = [...page.matchAll(/^\| `([a-z-]+)` +\| (error|warning|note) +\| \S.*\. +\|$/gm)]
  expect(rows.map(([, id, severity]) => [id, severity])).toEqual(Object.entries(FINDINGS))
})
