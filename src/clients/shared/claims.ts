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
    const at = this.#open.lastIndexOf(claim)
    if (at >= 0) this.#open.splice(at, 1)
  }

  /** Interrupts claims of partitions that go to other consumers. */
  keepOnly(assigned: Readonly<Record<string, readonly number[]>>): void {
    for (const claim of this.#open)
      if (assigned[claim.topic]?.includes(claim.partition) !== true) claim.interrupt('lost')
  }

  start(): void {
    this.#stopped = false
  }

  stop(): void {
    this.#stopped = true
    for (const claim of this.#open) claim.interrupt('stop')
  }

  seek({ topic, partition }: Place): void {
    for (const claim of this.#open)
      if (claim.topic === topic && claim.partition === partition) claim.interrupt('seek')
  }

  pause(paused: readonly Places[]): void {
    for (const claim of this.#open)
      if (paused.some((places) => includes(places, claim))) claim.interrupt('pause')
  }
}
