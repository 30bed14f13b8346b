import { findCase, type Case, type Figure, type Result } from '../harness/result.js'
import { rounded } from '../table.js'
import { bar, line, svg, text } from './svg.js'

/** What the chart shows: 1 KiB values, and what they are compared with. */
const GROUPS = [
  {
    title: 'Without Kafka, × plain node:crypto',
    part: 'micro',
    against: 'floor',
    bars: [
      { name: 'seal', parameters: { valueBytes: 1024 }, label: 'sealRecords, batches of 500' },
      { name: 'open', parameters: { valueBytes: 1024 }, label: 'openRecords, batches of 500' },
    ],
  },
  {
    title: 'On a broker, × plain KafkaJS with as many bytes',
    part: 'endToEnd',
    against: 'plainAtSealedSize',
    bars: [
      { name: 'send', parameters: { valueBytes: 1024, batch: 500 }, label: 'send, batches of 500' },
      { name: 'eachBatch', parameters: { valueBytes: 1024 }, label: 'eachBatch' },
      { name: 'eachMessage', parameters: { valueBytes: 1024 }, label: 'eachMessage' },
    ],
  },
] as const

/** The contenders that have one: the engines. */
const BARS: ReadonlySet<string> = new Set(['node', 'native'])

const WIDTH = 720
const LEFT = 230
const RIGHT = 105
const BAR = 16

/** Records per second in relation to doing without this library: a bar for each engine, with its quartiles. */
export function ratiosChart({ cases }: Result): string {
  const shapes: string[] = []
  let y = 34
  shapes.push(text(20, y, 'Records per second in relation to plain, values of 1 KiB', 'title'))
  const said: string[] = []
  for (const { title, part, against, bars } of GROUPS) {
    const rows = bars.map((row) => ({ ...row, engines: speeds(findCase(cases, { part, ...row }), against) }))
    const max = Math.max(
      1,
      ...rows.flatMap(({ engines }) => engines.map(({ upperQuartile }) => upperQuartile)),
    )
    const x = (value: number): number => LEFT + (value / max) * (WIDTH - LEFT - RIGHT)
    y += 34
    shapes.push(text(20, y, title))
    y += 12
    const top = y
    for (const { label, engines } of rows) {
      shapes.push(text(LEFT - 12, y + (engines.length * BAR) / 2 + 5, label, 'quiet end'))
      for (const [i, { contender, median, lowerQuartile, upperQuartile }] of engines.entries()) {
        const middle = y + BAR / 2
        shapes.push(
          bar(`engine${String(i)}`, LEFT, y + 1, x(median) - LEFT, BAR - 2),
          line('spread', [x(lowerQuartile), middle], [x(upperQuartile), middle]),
          text(x(upperQuartile) + 8, middle + 4, `${rounded(median)} (${contender})`, 'quiet'),
        )
        said.push(`${label} (${contender}): ${rounded(median)}.`)
        y += BAR
      }
      y += 10
    }
    shapes.push(line('axis', [LEFT, top], [LEFT, y]), line('axis', [x(1), top], [x(1), y]))
    shapes.push(text(x(1), y + 14, '1 = plain', 'quiet middle'))
    y += 14
  }
  return svg({
    width: WIDTH,
    height: y + 20,
    title: 'Records per second in relation to plain',
    description: said.join(' '),
    shapes,
  })
}

/** @throws Error where the results have no such case: a chart without it would look complete */
function speeds(found: Case | undefined, baseline: string): Figure[] {
  if (found === undefined) throw new Error('the results have not all that the chart shows')
  return found.figures.filter(
    ({ contender, metric, against }) =>
      metric === 'speedRatio' && against === baseline && BARS.has(contender),
  )
}
