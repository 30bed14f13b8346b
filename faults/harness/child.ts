import { execFileSync, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Asked, ClockStep, Memory, Setup, Told } from './processes/setup.js'

const COMPILED = '.cache/faults-js'

/** Compiles the programs, as the package is: they start faster, and their memory is theirs alone. */
export function compilePrograms(): void {
  execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.faults.json'], { stdio: 'inherit' })
}

/** Something that a process told, and when. */
export interface Heard extends Told {
  /** In ms, of the process that heard it. */
  readonly atMs: number
}

/** A producing or consuming process. */
export class Child {
  readonly name: string
  readonly ledger: string
  /** Everything that it told, in order. */
  readonly told: Heard[] = []
  /** Everything that it printed. */
  printed = ''
  readonly #process: ChildProcess
  readonly #exited: Promise<unknown>
  #isGone = false
  #isEnded = false

  constructor(
    program: 'producer' | 'consumer' | 'forger' | 'recipe',
    setup: Setup,
    env: NodeJS.ProcessEnv = {},
  ) {
    this.name = setup.name
    this.ledger = setup.ledger
    this.#process = fork(`${COMPILED}/faults/harness/processes/${program}.js`, [JSON.stringify(setup)], {
      execArgv: ['--expose-gc'],
      // Whether the native engine was built here must not decide what is tried.
      env: { KAFKA_ENVELOPE_ENGINE: 'node', ...process.env, ...env },
      silent: true,
    })
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.on('data', (chunk: Buffer) => (this.printed += chunk.toString()))
    this.#process.on('message', (message: Told) => {
      this.told.push({ ...message, atMs: performance.now() })
    })
    this.#exited = once(this.#process, 'exit').then(() => (this.#isGone = true))
  }

  get isGone(): boolean {
    return this.#isGone
  }

  /** Whether it ended although nothing ended it. */
  get hasCrashed(): boolean {
    return this.#isGone && !this.#isEnded
  }

  /** @param since in ms, as `performance.now()` */
  heard(what: string, since = 0): Heard[] {
    return this.told.filter((one) => one.what === what && one.atMs >= since)
  }

  ask(asked: Asked | ClockStep): void {
    if (this.#process.connected) this.#process.send(asked)
  }

  async memory(): Promise<Memory> {
    return (await this.#answer('memory')) as unknown as Memory
  }

  /** How often a KMS call ended in a way, as `unwrap ok`, or a record was rejected, as `skip invalid`. */
  async counts(): Promise<Readonly<Record<string, number>>> {
    return (await this.#answer('counts')) as Readonly<Record<string, number>>
  }

  async #answer(asked: Asked): Promise<Told['details']> {
    const before = this.heard(asked).length
    this.ask(asked)
    for (;;) {
      await Promise.race([once(this.#process, 'message'), this.#exited])
      if (this.#isGone) throw new Error(`${this.name} is gone`)
      const answer = this.heard(asked)[before]
      if (answer !== undefined) return answer.details
    }
  }

  /** Ends it as its user would. */
  async end(): Promise<void> {
    this.#isEnded = true
    this.ask('end')
    await this.#exited
  }

  /** Asks it to kill itself at a certain point, and waits for that. */
  async crash(asked: Asked): Promise<void> {
    this.#isEnded = true
    this.ask(asked)
    await this.#exited
  }

  /** Lets it do nothing until `thaw`, as a machine that stands still. */
  freeze(): void {
    this.#process.kill('SIGSTOP')
  }

  thaw(): void {
    this.#process.kill('SIGCONT')
  }

  /** Ends it with SIGKILL. */
  async kill(): Promise<void> {
    this.#isEnded = true
    this.#process.kill('SIGKILL')
    await this.#exited
  }
}
