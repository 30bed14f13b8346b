import { isUtf8 } from 'node:buffer'
import type { Inspection } from '../../operate/index.js'
import { safeJson } from '../safe-json.js'

/** One JSON object. Bytes that are not UTF-8 are in hex. */
export function inspectionAsJson({ opened, ...seen }: Inspection): string {
  return safeJson({ ...seen, ...(opened !== undefined && { opened: valueOf(opened) }) })
}

function valueOf(value: Buffer | null): object | null {
  if (value === null) return null
  const bytes = value.length
  return isUtf8(value) ? { bytes, text: value.toString() } : { bytes, hex: value.toString('hex') }
}
