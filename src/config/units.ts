/** Milliseconds of each unit of a duration. */
export const MS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 }
/** Bytes of each unit of a size. */
export const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

/** Milliseconds, or undefined where `value` is no duration. */
export function parseDuration(value: unknown): number | undefined {
  return parse(value, MS)
}

/** Bytes, or undefined where `value` is no size. */
export function parseByteSize(value: unknown): number | undefined {
  return parse(value, BYTES)
}

function parse(value: unknown, units: Readonly<Record<string, number>>): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined
  if (typeof value !== 'string') return undefined
  const match = /^(0|[1-9]\d{0,14}) ?([A-Za-z]+)$/.exec(value)
  const unit = match && Object.hasOwn(units, match[2] ?? '') ? units[match[2] ?? ''] : undefined
  if (!match || unit === undefined) return undefined
  const amount = Number(match[1]) * unit
  return Number.isSafeInteger(amount) ? amount : undefined
}
