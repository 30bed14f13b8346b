import { isUtf8 } from 'node:buffer'
import type { EnvelopeDescription, ReadOpened, StoredRecord, ValueDescription } from '../../operate/index.js'
import { figure } from '../estimate/format-units.js'
import { CHECK_NAMES } from '../inspect/explain-checks.js'
import { printableLine } from '../printable.js'

/** Enough of the SHA-256 to tell DEKs apart. */
const DEK_DIGITS = 12

/** A value on one line: text with everything escaped that would not be seen, or base64 if it is not UTF-8. */
export function valueLine(value: Buffer | null): string {
  if (value === null) return '(null)\n'
  return `${isUtf8(value) ? printableLine(value.toString()) : `base64:${value.toString('base64')}`}\n`
}

/** Why a record does not open. */
export function failureLine(
  { topic, partition, offset }: ReadOpened,
  { error, check, step }: NonNullable<ReadOpened['failure']>,
): string {
  const { code, kind, what, kmsCode } = error
  const place = `${topic}:${String(partition)}:${offset}`
  const from = kmsCode === undefined ? '' : `; code of the KMS: ${kmsCode}`
  const kindText = kind === undefined ? '' : ` (${kind})`
  return `${printableLine(`${place} does not open: ${code}${kindText} in step ${String(step)}, ${CHECK_NAMES[check]}: ${what}${from}`)}\n`
}

/** What a record is, without opening it. */
export function sealedLine({ topic, partition, offset }: StoredRecord, value: ValueDescription): string {
  return `${printableLine(`${String(partition)}:${offset}  ${described(topic, value)}`)}\n`
}

function described(topic: string, value: ValueDescription): string {
  switch (value.form) {
    case 'tombstone':
      return 'null'
    case 'envelope':
      return envelope(topic, value)
    case 'avro':
      return `not sealed here: an Avro message of another schema, ${sizeOf(value)}`
    case 'confluent':
      return `not sealed: in the wire format of Schema Registry, ${sizeOf(value)}`
    case 'plaintext':
      return `not sealed, ${sizeOf(value)}`
  }
}

function envelope(topic: string, value: EnvelopeDescription): string {
  const { version, malformed, wrappings = [], header } = value
  return [
    `envelope v${String(version)}`,
    ...(malformed === undefined ? [] : [`malformed: ${malformed}`]),
    ...wrappings.map(
      ({ provider, cmkId, ciphertextDek: { sha256 } }) =>
        `CMK ${provider} ${cmkId}, DEK ${sha256.slice(0, DEK_DIGITS)}`,
    ),
    ...(header === undefined || header.topic === topic ? [] : [`sealed for ${header.topic}`]),
    sizeOf(value),
  ].join(', ')
}

function sizeOf({ bytes }: { readonly bytes: number }): string {
  return bytes === 1 ? '1 byte' : `${figure(bytes)} bytes`
}
