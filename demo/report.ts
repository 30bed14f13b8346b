const tty = process.stdout.isTTY
const STEP = 1000

/** Formats a number for people. */
export const grouped = (n: number): string => Math.round(n).toLocaleString('en')

/** Prints the output of the demo, and collects the problems that it finds. */
export class Report {
  readonly problems: string[] = []
  #lineIsOpen = false
  #lastStep = 0
  #closed = false

  /** Prints nothing more, even if work is still going on. */
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

  /** On a terminal, updates one line; elsewhere, prints a line for each thousand. */
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

  /** If `holds` is false, the demo fails in the end; it goes on, to show other problems. */
  expect(holds: boolean, what: string): void {
    if (!holds) this.problems.push(what)
  }
}
