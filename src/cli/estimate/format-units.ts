export { byteCount, figure, timeSpan } from '../../units.js'
import { figure } from '../../units.js'

/** Dollars and cents. */
export function money(dollars: number): string {
  if (dollars > 0 && dollars < 0.005) return 'less than $0.01'
  return `$${dollars.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`
}

/** A share of 1. */
export function percent(share: number): string {
  return share > 0 && share < 0.0001 ? 'less than 0.01%' : `${figure(100 * share)}%`
}
