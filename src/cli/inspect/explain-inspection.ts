import type { Inspection, TrialFailure, ValueDescription } from '../../operate/index.js'
import { figure } from '../estimate/format-units.js'
import { printable } from '../printable.js'
import { checkRows } from './explain-checks.js'
import { printableValue } from './printable-value.js'

type Row = readonly [label: string, text: string]

/** A record may have thousands, with names of any length. */
const MAX_HEADERS = 50
const MAX_TEXT_BYTES = 256
const SUITES: Readonly<Record<number, string>> = { 1: 'AES-256-GCM with HKDF-SHA-256' }

/**
 * What a record is, for people.
 * @param isGiven whether key and headers are those that the user gave
 */
export function explainInspection(source: string, inspection: Inspection, isGiven: boolean): string {
  const { record, value, trial, opened } = inspection
  const nothing = isGiven ? 'not given' : 'none'
  const blocks = [
    section(shown(source), [
      ['form', formOf(value)],
      ...(record.timestamp === undefined ? [] : [['written', record.timestamp] as const]),
      ...('bytes' in value ? [['value', sizes(value)] as const] : []),
      ['key', keyOf(inspection, nothing)],
      ...headerRows(inspection, nothing),
      ...(value.form === 'envelope' && value.malformed !== undefined
        ? [['malformed', value.malformed] as const]
        : []),
    ]),
    deadLetterSection(inspection),
    ...envelopeSections(value),
    ...(trial === undefined ? [] : checkSections(trial, isGiven ? hints(inspection, trial.failure) : [])),
    opened === undefined ? [] : valueSection(opened),
  ]
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n')
}

function formOf(value: ValueDescription): string {
  switch (value.form) {
    case 'tombstone':
      return 'null, a tombstone'
    case 'envelope':
      return `envelope, version ${String(value.version)}${value.malformed === undefined ? '' : ', malformed'}`
    case 'avro':
      return value.fingerprint === undefined
        ? 'starts as an Avro message does, but ends within the fingerprint of the schema'
        : `Avro message of another schema, fingerprint ${value.fingerprint}`
    case 'confluent':
      return 'not sealed; starts with a zero byte, as messages of Schema Registry do'
    case 'plaintext':
      return 'not sealed'
  }
}

function sizes(value: Exclude<ValueDescription, { form: 'tombstone' }>): string {
  const all = byteCount(value.bytes)
  return value.form === 'envelope' && value.bodyBytes !== undefined && value.overheadBytes !== undefined
    ? `${all}: ${figure(value.bodyBytes)} of the body, ${figure(value.overheadBytes)} added by sealing`
    : all
}

function keyOf({ record: { key }, value }: Inspection, nothing: string): string {
  const length = key === null ? nothing : byteCount(key.bytes)
  const header = value.form === 'envelope' ? value.header : undefined
  return header === undefined ? length : `${length}, ${header.keyBound ? 'bound' : 'not bound'}`
}

function headerRows({ record: { headers }, value }: Inspection, nothing: string): Row[] {
  const bound = (value.form === 'envelope' ? value.header?.boundHeaders : undefined) ?? []
  const absent = bound.filter((name) => !headers.some((each) => each.name === name))
  const lines = [
    ...headers.slice(0, MAX_HEADERS).map(({ name, bytes }) => {
      const lengths = bytes.map((each) => (each === null ? 'null' : byteCount(each))).join(', ')
      return `${shown(name)}: ${lengths}${bound.includes(name) ? '; bound' : ''}`
    }),
    ...(headers.length > MAX_HEADERS ? [`and ${figure(headers.length - MAX_HEADERS)} more`] : []),
    ...absent.map((name) => `${shown(name)}: ${nothing}; bound`),
  ]
  return lines.length === 0
    ? [['headers', nothing]]
    : lines.map((line, i) => [i === 0 ? 'headers' : '', line])
}

function deadLetterSection({ record: { deadLetter } }: Inspection): string[] {
  if (deadLetter === undefined) return []
  const rows = Object.entries(deadLetter).slice(0, MAX_HEADERS)
  return section(
    'Dead letter (its headers, which nothing authenticates)',
    rows.map(([name, text]) => [shown(name), shown(text)]),
  )
}

function envelopeSections(value: ValueDescription): string[][] {
  if (value.form !== 'envelope') return []
  const { wrappings = [], header, iv } = value
  return [
    ...wrappings.map(({ provider, cmkId, ciphertextDek }, i) =>
      section(wrappings.length === 1 ? 'Wrapping' : `Wrapping ${String(i + 1)}`, [
        ['provider', provider],
        ['CMK', shown(cmkId)],
        ['ciphertext DEK', `${byteCount(ciphertextDek.bytes)}, SHA-256 ${ciphertextDek.sha256}`],
      ]),
    ),
    ...(header === undefined
      ? []
      : [
          section('Header', [
            ['suite', named(header.suite, SUITES[header.suite])],
            ['compression', named(header.compression.number, header.compression.name)],
            ...(header.dictionary === undefined
              ? []
              : [['dictionary', `SHA-256 ${header.dictionary}`] as const]),
            ['topic', header.topic],
            ['context', contextOf(header.context)],
            ['session', header.sessionId],
            ['commitment', header.commitment],
            ...(iv === undefined ? [] : [['IV', iv] as const]),
          ]),
        ]),
  ]
}

function checkSections(trial: NonNullable<Inspection['trial']>, more: readonly string[]): string[][] {
  const { title, rows, verdict } = checkRows(trial)
  return [section(title, rows), [...verdict, ...more]]
}

/** What the user may have forgotten to give. */
function hints({ record, value }: Inspection, failure: TrialFailure | undefined): string[] {
  if (failure?.code !== 'AUTHENTICATION_FAILED' || value.form !== 'envelope' || value.header === undefined)
    return []
  const { keyBound, boundHeaders } = value.header
  const missing = [
    ...(keyBound && record.key === null ? ['--key'] : []),
    ...boundHeaders
      .filter((name) => !record.headers.some((each) => each.name === name))
      .map((name) => `--header ${shown(name)}=…`),
  ]
  return missing.length === 0 ? [] : [`  Not given: ${missing.join(', ')}`]
}

function valueSection(opened: Buffer | null): string[] {
  if (opened === null) return ['Value: null']
  return [`Value, ${byteCount(opened.length)}`, ...printableValue(opened).map((line) => `  ${line}`)]
}

/** A title, and rows in two columns. */
function section(title: string, rows: readonly Row[]): string[] {
  const width = Math.max(0, ...rows.map(([label]) => label.length))
  return [title, ...rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`)]
}

function named(number: number, name: string | undefined): string {
  return `${String(number)}, ${name ?? 'unknown'}`
}

function contextOf(context: Readonly<Record<string, string>>): string {
  const entries = Object.entries(context)
  return entries.length === 0 ? 'empty' : entries.map((entry) => entry.join('=')).join(', ')
}

function byteCount(bytes: number): string {
  return bytes === 1 ? '1 byte' : `${bytes.toLocaleString('en-US')} bytes`
}

function shown(text: string): string {
  const bytes = Buffer.from(text)
  return bytes.length <= MAX_TEXT_BYTES
    ? printable(bytes)
    : `${printable(bytes.subarray(0, MAX_TEXT_BYTES))}…`
}
