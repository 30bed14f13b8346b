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

/** The forms in which bytes may appear in text by accident. */
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

/** Every piece of `length` characters. */
function* pieces(runs: readonly string[], length: number): Generator<string> {
  for (const run of runs) for (let at = 0; at + length <= run.length; at++) yield run.slice(at, at + length)
}

/** The keys that a text contains, in any form. The text is read a few times, not once for each of many keys. */
function keysIn(text: string): string[] {
  const runs = (pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([run]) => run)
  const hex = [
    ...runs(/[0-9a-f]{64,}/gi),
    ...runs(/[0-9a-f]{2}(?: [0-9a-f]{2}){31,}/gi).map((run) => run.replaceAll(' ', '')),
    ...runs(/\d{1,3}(?:, ?\d{1,3}){31,}/g).map((run) =>
      Buffer.from(run.split(',').map(Number)).toString('hex'),
    ),
  ].map((run) => run.toLowerCase())
  const base64 = runs(/[\w+/-]{43,}/g)
  const names = new Map(
    keys.flatMap((key) => {
      const [, standard = '', url = ''] = forms(Buffer.from(key, 'hex'))
      return [key, standard, url].map((form): [string, string] => [form, key])
    }),
  )
  const found = new Set<string>()
  for (const [texts, length] of [
    [hex, 64],
    [base64, 43],
  ] as const) {
    for (const piece of pieces(texts, length)) {
      const key = names.get(piece)
      if (key !== undefined) found.add(key)
    }
  }
  return [...found]
}

function leaks(text: string): string[] {
  const canary = Buffer.from(CANARY)
  const ofCanary = [CANARY, ...forms(canary)].filter((form) => text.includes(form))
  return [...ofCanary, ...keysIn(text).map((key) => `a key (${key.slice(0, 4)}…)`)]
}

// Every key in six forms, in everything that was emitted: about 20 MB.
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
