import { randomBytes } from 'node:crypto'

/** The result of a search. */
export interface Search {
  readonly bytes: number
  readonly patterns: number
  /** The patterns that were found. */
  readonly found: ReadonlySet<string>
}

interface Pattern {
  readonly name: string
  readonly bytes: Buffer
}

const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()

/**
 * The part of a text's base64 that does not depend on the bytes around the text. `before` is the number of bytes before
 * it, modulo 3.
 */
function base64At(text: string, before: number): string {
  const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)])
  return bytes.toString('base64').slice(Math.ceil((before * 8) / 6), Math.floor((bytes.length * 8) / 6))
}

/** The forms in which bytes could contain a text. */
function patternsOf(text: string): Pattern[] {
  const base64 = [0, 1, 2].flatMap((before) => {
    const form = base64At(text, before)
    const url = form.replaceAll('+', '-').replaceAll('/', '_')
    return url === form ? [form] : [form, url]
  })
  return [
    { name: `${text} (UTF-8)`, bytes: Buffer.from(text) },
    { name: `${text} (UTF-16, little-endian)`, bytes: Buffer.from(text, 'utf16le') },
    { name: `${text} (UTF-16, big-endian)`, bytes: utf16be(text) },
    ...base64.map((form) => ({ name: `${text} (base64)`, bytes: Buffer.from(form) })),
  ]
}

/** Looks for texts, in all their forms, in values. */
export function search(texts: readonly string[], values: readonly Buffer[]): Search {
  const patterns = texts.flatMap(patternsOf)
  const found = new Set<string>()
  for (const value of values) {
    for (const { name, bytes } of patterns) if (value.includes(bytes)) found.add(name)
  }
  return { bytes: values.reduce((sum, { length }) => sum + length, 0), patterns: patterns.length, found }
}

/** Tries the search on bytes that contain each text in each form. Returns the texts that it would miss. */
export function missed(texts: readonly string[]): string[] {
  const around = (bytes: Buffer, before: number): Buffer =>
    Buffer.concat([randomBytes(30 + before), bytes, randomBytes(7)])
  return texts.filter((text) => {
    const utf8 = Buffer.from(text)
    const planted = [
      ...[utf8, Buffer.from(text, 'utf16le'), utf16be(text)].map((bytes) => around(bytes, 0)),
      ...[0, 1, 2].flatMap((before) =>
        (['base64', 'base64url'] as const).map((form) => Buffer.from(around(utf8, before).toString(form))),
      ),
    ]
    return planted.some((bytes) => search([text], [bytes]).found.size === 0)
  })
}
