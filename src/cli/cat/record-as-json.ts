import { isUtf8 } from 'node:buffer'
import type { ReadOpened, StoredRecord, ValueDescription } from '../../operate/index.js'
import { safeJsonLine } from '../safe-json.js'

/** A record that was opened, or why it was not, as one line of JSON. */
export function openedAsJson(record: ReadOpened): string {
  const { failure } = record
  if (failure === undefined) {
    const { value, envelope } = record
    return safeJsonLine({ ...placeOf(record), ...bytesAs('value', value), envelope: envelope ?? null })
  }
  const { check, step, error } = failure
  const { code, kind, what, remedy, kmsCode, requestId } = error
  return safeJsonLine({
    ...placeOf(record),
    error: { code, kind, check, step, what, remedy, kmsCode, requestId },
  })
}

/** A record that was not opened, as one line of JSON. */
export function sealedAsJson(record: StoredRecord, value: ValueDescription): string {
  return safeJsonLine({ ...placeOf(record), sealed: value })
}

function placeOf({ topic, partition, offset, timestamp, key, headers }: Omit<StoredRecord, 'value'>): object {
  return {
    ...{ topic, partition, offset, timestamp: isoTime(timestamp) },
    ...bytesAs('key', key),
    headers: Object.entries(headers).flatMap(([name, given]) =>
      (Array.isArray(given) ? given : [given]).map((each) => ({
        name,
        ...bytesAs('value', each === undefined ? null : Buffer.from(each)),
      })),
    ),
  }
}

/** Null if the record has none. */
function isoTime(timestamp: string): string | null {
  const ms = Number(timestamp)
  const date = new Date(ms)
  return ms < 0 || Number.isNaN(date.getTime()) ? null : date.toISOString()
}

/** Text under this name; bytes that are not UTF-8 under the name with `Base64` behind it. */
function bytesAs(name: string, bytes: Buffer | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null }
  return isUtf8(bytes) ? { [name]: bytes.toString() } : { [`${name}Base64`]: bytes.toString('base64') }
}
