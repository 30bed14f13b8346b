import { BYTES, MS } from '../../units.js'

/** A number for people: two digits if it is small, thousands separators if it is large. */
export function figure(value: number): string {
  return value < 10
    ? String(Number(value.toPrecision(2)))
    : value.toLocaleString('en-US', { maximumFractionDigits: 0 })
}

/** Dollars and cents. */
export function money(dollars: number): string {
  if (dollars > 0 && dollars < 0.005) return 'less than $0.01'
  return `$${dollars.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`
}

/** A share of 1. */
export function percent(share: number): string {
  return share > 0 && share < 0.0001 ? 'less than 0.01%' : `${figure(100 * share)}%`
}

/** In the largest unit that divides it evenly; hours up to 48h. */
export function timeSpan(ms: number): string {
  return inUnits(ms, MS, (unit) => unit !== 'd' || ms >= 2 * (MS['d'] ?? 0))
}

/** `64GiB`. */
export function byteCount(bytes: number): string {
  return inUnits(bytes, BYTES)
}

function inUnits(
  amount: number,
  units: Readonly<Record<string, number>>,
  suits: (unit: string) => boolean = () => true,
): string {
  const [unit, size] = Object.entries(units).findLast(
    ([name, factor]) => amount >= factor && amount % factor === 0 && suits(name),
  ) ?? ['', 1]
  return `${figure(amount / size)}${unit}`
}
