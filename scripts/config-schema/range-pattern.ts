import type { Quantity } from '../../src/config/scalars.js'

/** A regular expression for durations and sizes as text, `24h` or `24 h`, that are within a range. */
export function rangePattern({ units, min, max }: Omit<Quantity, 'minWithoutUnit'>): string {
  const amounts = Object.entries(units).flatMap(([unit, factor]) => {
    const [from, to] = [Math.ceil(min / factor), Math.floor(max / factor)]
    return from <= to ? [`(?:${wholeNumbers(from, to).join('|')}) ?${unit}`] : []
  })
  return `^(?:${amounts.join('|')})$`
}

/** Alternatives that match the decimal numbers from `from` to `to`, without leading zeros. */
export function wholeNumbers(from: number, to: number): string[] {
  const alternatives: string[] = []
  const whole: number[] = []
  for (let length = String(from).length; length <= String(to).length; length++) {
    const [least, most] = [length === 1 ? 0 : 10 ** (length - 1), 10 ** length - 1]
    if (length > 1 && from <= least && to >= most) whole.push(length - 1)
    else alternatives.push(...ofOneLength(String(Math.max(from, least)), String(Math.min(to, most))))
  }
  const [shortest, longest] = [whole[0], whole.at(-1)]
  if (shortest === undefined || longest === undefined) return alternatives
  return [...alternatives, `[1-9]${anyDigits(shortest, longest)}`]
}

function ofOneLength(from: string, to: string): string[] {
  const [low = '', high = ''] = [from[0], to[0]]
  if (from.length <= 1) return [digit(low, high)]
  const [fromRest, toRest] = [from.slice(1), to.slice(1)]
  if (low === high) return ofOneLength(fromRest, toRest).map((rest) => low + rest)
  const rests = fromRest.length
  const [zeros, nines] = ['0'.repeat(rests), '9'.repeat(rests)]
  const startsWhole = fromRest === zeros
  const endsWhole = toRest === nines
  const firstWhole = startsWhole ? low : String(Number(low) + 1)
  const lastWhole = endsWhole ? high : String(Number(high) - 1)
  return [
    ...(startsWhole ? [] : ofOneLength(fromRest, nines).map((rest) => low + rest)),
    ...(firstWhole <= lastWhole ? [digit(firstWhole, lastWhole) + anyDigits(rests)] : []),
    ...(endsWhole ? [] : ofOneLength(zeros, toRest).map((rest) => high + rest)),
  ]
}

function digit(low: string, high: string): string {
  return low === high ? low : `[${low}-${high}]`
}

function anyDigits(least: number, most = least): string {
  if (least !== most) return `[0-9]{${String(least)},${String(most)}}`
  return least === 1 ? '[0-9]' : `[0-9]{${String(least)}}`
}
