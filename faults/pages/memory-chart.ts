import { line, path, svg, text } from '../../bench/pages/svg.js'
import { rounded } from '../../bench/table.js'
import type { Outcome } from '../harness/run.js'
import type { Point } from '../harness/slope.js'

const PANEL = { width: 270, height: 150, gap: 70 } as const
const [LEFT, TOP] = [70, 84] as const
const PANELS = [
  { what: 'heap', title: 'heap after a collection, MiB' },
  { what: 'resident', title: 'resident memory, MiB' },
] as const

/** Memory of the processes of the soak over its time. Both axes begin at zero, so that what grows is seen to grow. */
export function memoryChart({ series }: Pick<Outcome, 'series'>): string {
  const processes = [...new Set(Object.keys(series).map((name) => name.split(' ')[0] ?? ''))]
  if (processes.length === 0) throw new Error('the soak has left no series')
  const shapes = [
    text(20, 32, 'Memory in the soak', 'title'),
    ...processes.map((process, i) => text(400 + i * 130, 32, process, `engine${String(i)}`)),
  ]
  const said: string[] = []
  for (const [column, { what, title }] of PANELS.entries()) {
    const all = processes.map((process) => series[`${process} ${what}`] ?? [])
    shapes.push(...panel(LEFT + column * (PANEL.width + PANEL.gap), title, all))
    for (const [i, points] of all.entries())
      said.push(`${processes[i] ?? ''}: ${what} from ${last(points.slice(0, 1))} to ${last(points)} MiB.`)
  }
  return svg({
    width: LEFT + PANELS.length * (PANEL.width + PANEL.gap),
    height: TOP + PANEL.height + 50,
    title: 'Memory in the soak',
    description: said.join(' '),
    shapes,
  })
}

function panel(x: number, title: string, all: readonly (readonly Point[])[]): string[] {
  const points = all.flat()
  const end = Math.max(...points.map(([seconds]) => seconds))
  const top = 1.2 * Math.max(...points.map(([, value]) => value))
  const at = ([seconds, value]: Point): readonly [number, number] => [
    x + (seconds / end) * PANEL.width,
    TOP + PANEL.height * (1 - value / top),
  ]
  const floor = TOP + PANEL.height
  return [
    text(x, TOP - 14, title),
    line('axis', [x, TOP], [x, floor]),
    line('axis', [x, floor], [x + PANEL.width, floor]),
    text(x - 6, floor + 4, '0', 'quiet end'),
    text(x - 6, TOP + 4, rounded(top), 'quiet end'),
    text(x + PANEL.width, floor + 18, `${rounded(end / 60)} minutes`, 'quiet end'),
    ...all.map((own, i) => path(`line${String(i)}`, own.map(at))),
  ]
}

function last(points: readonly Point[]): string {
  return rounded(points.at(-1)?.[1] ?? NaN)
}
