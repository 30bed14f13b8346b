import { stopwatch, systemClock } from '../clock.js'
import { figure } from './estimate/format-units.js'

/** How often the line is drawn. */
const INTERVAL_MS = 200
const WIDTH = 24

/** Shows the progress of a long command as one line on a terminal, and nothing in a pipe. */
export class ProgressBar {
  readonly #unit: string
  readonly #elapsed = stopwatch(systemClock)
  #drawn = -Infinity

  /** @param unit what is counted, such as `records` */
  constructor(unit: string) {
    this.#unit = unit
  }

  /** @param note what else is going on, such as a wait */
  show(done: number, total: number, note = ''): void {
    const now = this.#elapsed()
    if (!process.stderr.isTTY || now - this.#drawn < INTERVAL_MS) return
    this.#drawn = now
    const line = progressLine(done, total, now, this.#unit)
    process.stderr.write(`\r\u001b[2K${note === '' ? line : `${line}  ${note}`}`)
  }

  /** Removes the line, so that what follows begins on an empty one. */
  end(): void {
    if (process.stderr.isTTY && this.#drawn !== -Infinity) process.stderr.write('\r\u001b[2K')
  }
}

/** `[######······]  50 %  1,000 of 2,000 records  500/s  2 s left`. */
export function progressLine(done: number, total: number, elapsedMs: number, unit: string): string {
  const share = total === 0 ? 1 : Math.min(done / total, 1)
  const filled = Math.floor(share * WIDTH)
  const perSecond = elapsedMs > 0 ? (done / elapsedMs) * 1000 : 0
  const left = perSecond > 0 ? (total - done) / perSecond : undefined
  return [
    `[${'#'.repeat(filled)}${'·'.repeat(WIDTH - filled)}]`,
    `${String(Math.floor(share * 100)).padStart(3)} %`,
    `${figure(done)} of ${figure(total)} ${unit}`,
    `${figure(perSecond)}/s`,
    ...(left === undefined ? [] : [`${duration(left)} left`]),
  ].join('  ')
}

function duration(seconds: number): string {
  if (seconds < 60) return `${String(Math.ceil(seconds))} s`
  const minutes = Math.ceil(seconds / 60)
  return minutes < 60
    ? `${String(minutes)} min`
    : `${String(Math.floor(minutes / 60))} h ${String(minutes % 60)} min`
}
