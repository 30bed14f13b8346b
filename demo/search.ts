import { randomBytes } from 'node:crypto'

/** What a search went through and found. */
export interface Search {
  readonly bytes: number
  readonly patterns: number
  /** Which patterns stood somewhere. */
  readonly found: ReadonlySet<string>
}

interface Pattern {
  readonly name: string
  readonly bytes: Buffer
}

const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()

/**
 * What of a text's base64 does not depend on what stands before and behind it: `before` bytes of something
 * else, modulo 3, stand before it.
 */
function base64At(text: string, before: number): string {
  const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)])
  return bytes.toString('base64').slice(Math.ceil((before * 8) / 6), Math.floor((bytes.length * 8) / 6))
}

/** The forms in which a text could stand in bytes. */
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

/** The texts that the search would miss in a form, were they there: it is tried on bytes that hold them. */
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
