/** Looks into a configuration whose shape is not known yet. */

export type Members = Readonly<Record<string, unknown>>

export function isRecord(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The members of an object; none where it is something else. */
export function members(value: unknown): Members {
  return isRecord(value) ? value : {}
}

/** The items of a list; none where it is something else. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}
