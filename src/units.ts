import * as v from 'valibot'

/* Durations and sizes: their types, the schemas that check them, and how messages write them. */

/**
 * A text with a whole number and a unit (`ms`, `s`, `m`, `h` or `d`), for example `'24h'`; or a number of milliseconds:
 * 0, or at least 60,000 (1,000 for options usually given in seconds), so that `3600` is not mistaken for an hour.
 */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`
/** Text: a whole number and a unit (`B`, `KiB`, `MiB`, `GiB` or `TiB`), for example `'1GiB'`. Or a number of bytes. */
export type ByteSize = number | `${number}${'B' | 'KiB' | 'MiB' | 'GiB' | 'TiB'}`

/** Milliseconds of each unit of a duration. */
const MS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 }
/** Bytes of each unit of a size. */
export const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

/** The limits of a duration or size, for the JSON Schema of files. */
export interface Quantity {
  readonly units: Readonly<Record<string, number>>
  readonly min: number
  readonly max: number
  /** The smallest number accepted without a unit, except 0. */
  readonly minWithoutUnit: number
}

type QuantitySchema = v.GenericSchema<number | string, number>

/**
 * A duration, in milliseconds.
 * @param minWithoutUnit a smaller number is refused, because it is usually meant as seconds
 */
export function duration(min: number, max: number, minWithoutUnit: number): QuantitySchema {
  const expected = 'expected a duration such as "500ms", "30s" or "24h"'
  return quantity(parseDuration, { units: MS, min, max, minWithoutUnit }, expected)
}

/** A size, in bytes. */
export function byteSize(min: number, max: number): QuantitySchema {
  const expected = 'expected a size such as 65536, "64KiB" or "1GiB"'
  return quantity(parseByteSize, { units: BYTES, min, max, minWithoutUnit: min }, expected)
}

function quantity(
  parse: (value: unknown) => number | undefined,
  range: Quantity,
  expected: string,
): QuantitySchema {
  const { min, max, minWithoutUnit, units } = range
  return v.pipe(
    v.union([v.number(), v.string()], expected),
    // For `npm run schema`, which cannot see into the function below.
    v.metadata({ quantity: range }),
    v.rawTransform<number | string, number>(({ dataset, addIssue, NEVER }) => {
      const parsed = parse(dataset.value)
      if (parsed === undefined) {
        addIssue({ message: expected })
        return NEVER
      }
      if (parsed < min || parsed > max) {
        addIssue({ message: `expected ${inUnits(min, units)} to ${inUnits(max, units)}` })
        return NEVER
      }
      if (typeof dataset.value === 'number' && parsed !== 0 && parsed < minWithoutUnit) {
        const given = String(parsed)
        addIssue({ message: `expected a unit, "${given}s" or "${given}ms": a number is milliseconds` })
        return NEVER
      }
      return parsed
    }),
  )
}

/** In the largest unit that divides it evenly: `365d`. */
export function inUnits(amount: number, units: Readonly<Record<string, number>>): string {
  if (amount === 0) return '0'
  const [unit, factor] = Object.entries(units).findLast(([, size]) => amount % size === 0) ?? ['', 1]
  return `${String(amount / factor)}${unit}`
}

/** Milliseconds, or undefined if `value` is not a duration. */
export function parseDuration(value: unknown): number | undefined {
  return parse(value, MS)
}

/** Bytes, or undefined if `value` is not a size. */
export function parseByteSize(value: unknown): number | undefined {
  return parse(value, BYTES)
}

function parse(value: unknown, units: Readonly<Record<string, number>>): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined
  if (typeof value !== 'string') return undefined
  const match = /^(0|[1-9]\d{0,14})([A-Za-z]+)$/.exec(value)
  const unit = match && Object.hasOwn(units, match[2] ?? '') ? units[match[2] ?? ''] : undefined
  if (!match || unit === undefined) return undefined
  const amount = Number(match[1]) * unit
  return Number.isSafeInteger(amount) ? amount : undefined
}

/** Made once it is needed: `toLocaleString` makes one for each call. */
let large: Intl.NumberFormat | undefined

/** A number for people: two digits if it is small, thousands separators if it is large. */
export function figure(value: number): string {
  if (value < 10) return String(Number(value.toPrecision(2)))
  large ??= new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
  return large.format(value)
}

/** In the largest unit that divides it evenly; hours up to 48h. */
export function timeSpan(ms: number): string {
  return forPeople(ms, MS, (unit) => unit !== 'd' || ms >= 2 * (MS['d'] ?? 0))
}

/** `64GiB`. */
export function byteCount(bytes: number): string {
  return forPeople(bytes, BYTES)
}

function forPeople(
  amount: number,
  units: Readonly<Record<string, number>>,
  suits: (unit: string) => boolean = () => true,
): string {
  const [unit, size] = Object.entries(units).findLast(
    ([name, factor]) => amount >= factor && amount % factor === 0 && suits(name),
  ) ?? ['', 1]
  return `${figure(amount / size)}${unit}`
}
