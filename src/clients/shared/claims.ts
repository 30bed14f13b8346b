import { includes, type Place, type Places } from './place.js'

/** Messages of one partition that are being opened, until their handler gets them. */
export class Claim {
  readonly topic: string
  readonly partition: number
  #abort: AbortController | undefined
  #interrupted = false
  #hasSeeked = false

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  /** Whether the application stopped the consumer, or seeked or paused the partition; or the partition was lost. */
  get interrupted(): boolean {
    return this.#interrupted
  }

  /** Whether the application set the position of the partition. */
  get hasSeeked(): boolean {
    return this.#hasSeeked
  }

  /** Aborted when it is interrupted. Created on first use, because most messages do not wait. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#interrupted) this.#abort.abort()
    return this.#abort.signal
  }

  interrupt(by: 'stop' | 'seek' | 'pause' | 'lost'): void {
    this.#interrupted = true
    if (by === 'seek') this.#hasSeeked = true
    this.#abort?.abort()
  }
}

/** The messages that a consumer is opening, so that the application can interrupt it. */
export class Claims {
  /** Few, because a client opens one batch of a partition at a time: a list is faster than a set. */
  readonly #open: Claim[] = []
  #stopped = false

  /** Whether the application stopped the consumer. */
  get stopped(): boolean {
    return this.#stopped
  }

  begin(topic: string, partition: number): Claim {
    const claim = new Claim(topic, partition)
    if (this.#stopped) claim.interrupt('stop')
    this.#open.push(claim)
    return claim
  }

  end(claim: Claim): void {
    // Almost always, and faster than to search.
    if (this.#open.at(-1) === claim) {
      this.#open.pop()
      return
    }
    const at = this.#open.lastIndexOf(claim)
    if (at >= 0) this.#open.splice(at, 1)
  }

  /** Interrupts claims of partitions that go to other consumers. */
  keepOnly(assigned: Readonly<Record<string, readonly number[]>>): void {
    this.#interrupt('lost', ({ topic, partition }) => assigned[topic]?.includes(partition) !== true)
  }

  start(): void {
    this.#stopped = false
  }

  stop(): void {
    this.#stopped = true
    this.#interrupt('stop', () => true)
  }

  seek(to: Place): void {
    this.#interrupt('seek', ({ topic, partition }) => topic === to.topic && partition === to.partition)
  }

  pause(paused: readonly Places[]): void {
    this.#interrupt('pause', (claim) => paused.some((places) => includes(places, claim)))
  }

  /** Goes through a copy of the list: what listens to the signal of a claim may end it. */
  #interrupt(by: Parameters<Claim['interrupt']>[0], concerns: (claim: Claim) => boolean): void {
    for (const claim of this.#open.filter(concerns)) claim.interrupt(by)
  }
}
