const tty = process.stdout.isTTY
const STEP = 1000

/** A number as people read it. */
export const grouped = (n: number): string => Math.round(n).toLocaleString('en')

/** What the demo prints, and what it found to be wrong. */
export class Report {
  readonly problems: string[] = []
  #lineIsOpen = false
  #lastStep = 0
  #closed = false

  /** Says no more, whoever is still at work. */
  close(): void {
    this.say('')
    this.#closed = true
  }

  say(text: string): void {
    if (this.#closed) return
    if (this.#lineIsOpen) process.stdout.write('\n')
    this.#lineIsOpen = false
    console.log(text)
  }

  heading(text: string): void {
    this.#lastStep = 0
    this.say(`\n${text}`)
  }

  /** On a terminal one line that changes; elsewhere a line for each thousand. */
  progress(done: number, total: number, what: string): void {
    if (this.#closed) return
    const text = `  ${grouped(done)} of ${grouped(total)} ${what}`
    if (tty) {
      process.stdout.write(`\r\x1b[K${text}`)
      this.#lineIsOpen = true
    } else if (Math.floor(done / STEP) > this.#lastStep || done === total) {
      this.#lastStep = Math.floor(done / STEP)
      this.say(text)
    }
  }

  /** What does not hold makes the demo fail; it goes on, to show what else is wrong. */
  expect(holds: boolean, what: string): void {
    if (!holds) this.problems.push(what)
  }
}
