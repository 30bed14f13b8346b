/* Reads a configuration that has not been checked yet. */

export type UnknownRecord = Readonly<Record<string, unknown>>

export function isRecord(value: unknown): value is UnknownRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The object itself; an empty one if it is something else. */
export function asRecord(value: unknown): UnknownRecord {
  return isRecord(value) ? value : {}
}

/** The list itself; an empty one if it is something else. */
export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}
