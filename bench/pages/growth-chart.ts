import type { Case, Result } from '../harness/result.js'
import { line, path, svg, text } from './svg.js'

const ROWS = [
  { metric: 'seconds', title: 'seconds', scale: 1 },
  { metric: 'bytesInUse', title: 'MiB in use', scale: 2 ** 20 },
] as const
const PANEL = { width: 190, height: 130, gap: 60 } as const
const [LEFT, TOP] = [70, 70] as const

interface Point {
  readonly count: number
  readonly value: number
}

/** Less is what a garbage collection leaves or not by chance. */
const LEAST = { seconds: 1e-3, bytesInUse: 0.1 } as const

/** Time and memory over what they might grow with, on logarithmic axes: what grows linearly is straight, what does not is flat. */
export function growthChart({ cases }: Result): string {
  const growth = cases.filter(({ part }) => part === 'growth')
  const names = [...new Set(growth.map(({ name }) => name))]
  if (names.length === 0) throw new Error('the results have no growth')
  const shapes = [
    text(20, 32, 'Time and memory, as records, DEKs and topics grow', 'title'),
    ...engines(growth).map((engine, i) => text(560 + i * 90, 32, engine, `engine${String(i)}`)),
  ]
  for (const [column, name] of names.entries()) {
    const x = LEFT + column * (PANEL.width + PANEL.gap)
    shapes.push(text(x + PANEL.width / 2, TOP - 14, name, 'middle'))
    for (const [row, { metric, title, scale }] of ROWS.entries()) {
      const y = TOP + row * (PANEL.height + PANEL.gap)
      const own = growth.filter((one) => one.name === name)
      shapes.push(...panel(x, y, own, { metric, title, scale }))
    }
  }
  const width = LEFT + names.length * (PANEL.width + PANEL.gap)
  const height = TOP + ROWS.length * (PANEL.height + PANEL.gap)
  const description = 'Seconds and MiB in use at each power of ten. docs/performance.md has the numbers.'
  return svg({ width, height, title: 'Growth', description, shapes })
}

interface Axis {
  readonly metric: keyof typeof LEAST
  readonly title: string
  readonly scale: number
}

function panel(x: number, y: number, cases: readonly Case[], axis: Axis): string[] {
  const series = engines(cases).map((engine) => points(cases, engine, axis))
  const all = series.flat()
  const counts = all.map(({ count }) => Math.log10(count))
  const powers = all.map(({ value }) => Math.log10(value))
  const [low, high] = [Math.floor(Math.min(...powers)), Math.floor(Math.max(...powers)) + 1]
  const across = (count: number): number =>
    x +
    ((Math.log10(count) - Math.min(...counts)) / (Math.max(...counts) - Math.min(...counts))) * PANEL.width
  const up = (value: number): number =>
    y + PANEL.height - ((Math.log10(value) - low) / (high - low)) * PANEL.height
  const labels = [low, high].map((exponent) =>
    text(x - 6, up(10 ** exponent) + 4, power(exponent), 'quiet end'),
  )
  const [from, to] = [Math.min(...counts), Math.max(...counts)]
  return [
    line('axis', [x, y], [x, y + PANEL.height]),
    line('axis', [x, y + PANEL.height], [x + PANEL.width, y + PANEL.height]),
    text(x + 6, y - 2, axis.title, 'quiet'),
    ...labels,
    text(x, y + PANEL.height + 16, power(from), 'quiet middle'),
    text(x + PANEL.width, y + PANEL.height + 16, power(to), 'quiet middle'),
    ...series.map((own, i) =>
      path(
        `line${String(i)}`,
        own.map(({ count, value }) => [across(count), up(value)]),
      ),
    ),
  ]
}

function engines(cases: readonly Case[]): string[] {
  return [...new Set(cases.flatMap(({ figures }) => figures.map(({ contender }) => contender)))]
}

function points(cases: readonly Case[], engine: string, { metric, scale }: Axis): Point[] {
  return cases.flatMap(({ parameters, figures }) =>
    figures
      .filter((figure) => figure.contender === engine && figure.metric === metric)
      .map(({ median }) => ({
        count: parameters['count'] ?? NaN,
        value: Math.max(median / scale, LEAST[metric]),
      })),
  )
}

/** 10⁴ for 4. */
function power(exponent: number): string {
  return `10${String(exponent).replaceAll(/[-\d]/g, (digit) => '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'['-0123456789'.indexOf(digit)] ?? '')}`
}
