import { BYTES, MS } from '../../units.js'

/** A number for people: two digits if it is small, thousands separators if it is large. */
export function figure(value: number): string {
  return value < 10
    ? String(Number(value.toPrecision(2)))
    : value.toLocaleString('en-US', { maximumFractionDigits: 0 })
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
