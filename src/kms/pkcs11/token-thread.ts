import { Worker } from 'node:worker_threads'
import type { Answer, Failure, TokenAccess, TokenCall, WorkerOptions } from './messages.js'
import { forbidPin, sharedState } from './shared-state.cjs'

/** How a call ended: with bytes, or with a failure. */
export type Outcome = { readonly bytes: Uint8Array<ArrayBuffer> } | { readonly failure: Failure }

/** Of each module, by its path: held by the thread that initializes it. Some modules break if two threads do. */
const initializing = new Map<string, Int32Array>()

/** One thread with one session. It makes one call at a time, and keeps the process alive only during a call. */
export class TokenThread {
  readonly #worker: Worker
  readonly #login = sharedState()
  #lastId = 0
  #end: ((outcome: Outcome) => void) | undefined
  #hasEnded = false
  #isGivenUp = false
  /** Why a call ends that no thread answers. */
  #failure: Failure = { code: 'THREAD_ENDED' }

  readonly ended: Promise<void>

  /** @throws if this process may not have threads */
  constructor(file: string, access: TokenAccess) {
    const lock = initializing.get(access.library) ?? sharedState()
    initializing.set(access.library, lock)
    const options: WorkerOptions = { ...access, initializing: lock, login: this.#login }
    // Not the arguments of this process: a loader of its own, say, has no business there.
    this.#worker = new Worker(file, {
      workerData: options,
      execArgv: [],
      name: 'kafka-envelope-pkcs11',
    })
    this.#worker.unref()
    this.#worker.on('message', (answer: Answer) => {
      this.#receive(answer)
    })
    // It is followed by `exit`.
    this.#worker.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'MODULE_NOT_FOUND') this.#failure = { code: 'NO_THREAD_FILE' }
    })
    this.ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#hasEnded = true
        this.#settle({ failure: this.#failure })
        resolve()
      })
    })
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Call it again only after the outcome, and not after `giveUp()`. The buffer of `bytes` is transferred. */
  call(call: TokenCall): Promise<Outcome> {
    return new Promise((resolve) => {
      if (this.#hasEnded) {
        resolve({ failure: this.#failure })
        return
      }
      this.#end = resolve
      this.#worker.ref()
      const transferred = 'bytes' in call ? [call.bytes.buffer] : []
      this.#worker.postMessage({ ...call, id: ++this.#lastId }, transferred)
    })
  }

  /**
   * Lets the thread close its session and end, once a call that is running returns. Native code cannot be stopped, so
   * terminating the thread would not be faster. A late DEK is wiped.
   *
   * False if the call may be trying the PIN. How that ended is known when the call ends.
   */
  giveUp(): boolean {
    this.#isGivenUp = true
    this.#worker.postMessage('close')
    this.#worker.unref()
    return forbidPin(this.#login)
  }

  #receive(answer: Answer): void {
    const outcome: Outcome =
      answer.failure === undefined ? { bytes: answer.bytes } : { failure: answer.failure }
    this.#worker.unref()
    if (this.#isGivenUp && 'bytes' in outcome) outcome.bytes.fill(0)
    this.#settle(outcome)
  }

  #settle(outcome: Outcome): void {
    const end = this.#end
    this.#end = undefined
    end?.(outcome)
  }
}
