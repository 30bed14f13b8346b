import { openSync, writeSync } from 'node:fs'
import type { Numbered } from './record.js'

/*
 * Each process writes down what it did, one line a fact, immediately: what a process knew before it was killed is in
 * its ledger. Times are of the machine's monotonic clock, which all processes share and nothing steps.
 */

/** Records `from` to `to` (excluded) of a producer: about to be sent, acknowledged, or not. */
export interface Produced {
  readonly at: number
  readonly what: 'sent' | 'acked' | 'refused'
  readonly producer: string
  readonly from: number
  readonly to: number
}

/** A record that the handler of a consumer received. Without `record` it is none that a producer numbered. */
export interface Consumed {
  readonly at: number
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly record: Numbered | undefined
}

/** Microseconds. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

/** Appends to a ledger. */
export class Ledger {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  produced({ at, what, producer, from, to }: Produced): void {
    this.#write([[at, what, producer, from, to]])
  }

  consumed(facts: readonly Consumed[]): void {
    this.#write(
      facts.map(({ at, topic, partition, offset, record }) => [
        ...[at, topic, partition, offset],
        ...(record === undefined ? [] : [record.producer, record.n, record.key]),
      ]),
    )
  }

  #write(lines: readonly (readonly (string | number)[])[]): void {
    if (lines.length > 0) writeSync(this.#file, lines.map((line) => `${line.join(' ')}\n`).join(''))
  }
}

export function producedIn(line: string): Produced {
  const [at, what, producer = '', from, to] = line.split(' ')
  return { at: Number(at), what: what as Produced['what'], producer, from: Number(from), to: Number(to) }
}

export function consumedIn(line: string): Consumed {
  const [at, topic = '', partition, offset, producer, n, key = ''] = line.split(' ')
  return {
    at: Number(at),
    topic,
    partition: Number(partition),
    offset: Number(offset),
    record: producer === undefined ? undefined : { producer, n: Number(n), key },
  }
}
