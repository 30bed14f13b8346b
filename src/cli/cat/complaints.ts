import type { OffsetRange, ReadOpened, WaitingToOpen } from '../../operate/index.js'
import { figure } from '../estimate/format-units.js'
import { printableText } from '../printable.js'
import { failureLine } from './record-as-text.js'

/** How often it says that it waits. */
const TELL_MS = 30_000

/** What went wrong, on standard error. */
export class Complaints {
  #records = 0
  #failed = 0
  #unread = false
  /** The remedy of each is told once. */
  readonly #codes = new Set<string>()
  readonly #tell: (line: string) => void
  #toldAtMs: number | undefined

  constructor(tell: (line: string) => void = (line) => void process.stderr.write(line)) {
    this.#tell = tell
  }

  /** Whether records did not open, or were not read. */
  get isAny(): boolean {
    return this.#failed > 0 || this.#unread
  }

  /** A record comes; with `json`, its line says itself why it did not open. */
  comes(record: ReadOpened, json: boolean): void {
    this.#records++
    this.#toldAtMs = undefined
    const { failure } = record
    if (failure === undefined) return
    this.#failed++
    if (json) return
    this.#tell(failureLine(record, failure))
    const { code, remedy } = failure.error
    if (this.#codes.has(code)) return
    this.#codes.add(code)
    this.#tell(`  ${printableText(remedy)}.\n`)
  }

  waits({ topic, partition, offset, code, what, waitedMs }: WaitingToOpen): void {
    if (this.#toldAtMs !== undefined && waitedMs - this.#toldAtMs < TELL_MS) return
    const so = this.#toldAtMs === undefined ? '' : `; waited for ${figure(Math.round(waitedMs / 1000))} s`
    this.#toldAtMs = waitedMs
    const place = `${topic}:${String(partition)}:${offset}`
    this.#tell(`${printableText(`waiting for a KMS to open ${place}: ${code}: ${what}`)}${so}\n`)
  }

  unread({ partition, from, to }: OffsetRange): void {
    this.#unread = true
    const [first, last] = [String(from), String(to - 1n)]
    this.#tell(
      `partition ${String(partition)}: the broker returned nothing for offsets ${first} to ${last}; compaction may have removed them\n`,
    )
  }

  end(): void {
    if (this.#failed > 0) {
      this.#tell(`${figure(this.#failed)} of ${figure(this.#records)} records did not open\n`)
    }
  }
}
