import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, inject, it } from 'vitest'
import { CANARY } from '../support/emissions.js'

let emitted = ''
let keys: string[] = []

beforeAll(async () => {
  const folder = inject('emissions')
  const files = await readdir(folder)
  const read = async (ending: string): Promise<string> =>
    (
      await Promise.all(files.filter((f) => f.endsWith(ending)).map((f) => readFile(join(folder, f), 'utf8')))
    ).join('\n')
  emitted = await read('.log')
  keys = [...new Set((await read('.keys')).split('\n').filter((line) => /^[0-9a-f]{64}$/.test(line)))]
})

/** The forms in which bytes get into text by accident. */
function forms(bytes: Buffer): string[] {
  const decimal = [...bytes]
  return [
    bytes.toString('hex'),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    decimal.join(','),
    decimal.join(', '),
    // As `util.inspect` shows a buffer.
    bytes.toString('hex').replace(/(..)(?!$)/g, '$1 '),
  ]
}

function leaks(text: string): string[] {
  const canary = Buffer.from(CANARY)
  const ofCanary = [CANARY, ...forms(canary)].filter((form) => text.includes(form))
  const lower = text.toLowerCase()
  const ofKeys = keys.filter((key) => {
    const [hex = '', ...others] = forms(Buffer.from(key, 'hex'))
    return lower.includes(hex) || others.some((form) => text.includes(form))
  })
  return [...ofCanary, ...ofKeys.map((key) => `a key (${key.slice(0, 4)}…)`)]
}

// Every key in six forms, in all that was emitted: some 20 MB.
it('no event, log line, error message or stack contains key bytes or plaintext', () => {
  for (const kind of ['event', 'log', 'error']) expect(emitted).toMatch(new RegExp(`^${kind} `, 'm'))
  expect(emitted.length).toBeGreaterThan(100_000)
  expect(keys.length).toBeGreaterThan(100)
  expect(leaks(emitted)).toEqual([])
}, 300_000)

it('the search would find a leak in each form', () => {
  for (const form of [CANARY, ...forms(Buffer.from(CANARY))]) expect(leaks(`x ${form} y`)).not.toEqual([])
  for (const form of forms(Buffer.from(keys[0] ?? '', 'hex'))) expect(leaks(`x ${form} y`)).not.toEqual([])
})
