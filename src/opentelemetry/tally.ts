import type { Attributes, Counter } from '@opentelemetry/api'
import type { BatchEvent } from '../events.js'
import { ATTR, KAFKA } from './attributes.js'

interface Sum {
  readonly attributes: Attributes
  messages: number
  bytes: number
}

/**
 * Sums of batches by topic. They are passed to the counters when metrics are collected, because a counter's `add` takes
 * as long as sealing a small record. A topic matches one rule, so the topic names both.
 */
export class Tally {
  readonly #records: Counter
  readonly #bytes: Counter | undefined
  readonly #sums = new Map<string, Sum>()

  constructor(records: Counter, bytes?: Counter) {
    this.#records = records
    this.#bytes = bytes
  }

  add({ rule, topic, messages, bytes }: BatchEvent): void {
    let sum = this.#sums.get(topic)
    if (sum === undefined) {
      sum = { attributes: { ...KAFKA, [ATTR.topic]: topic, [ATTR.rule]: rule }, messages: 0, bytes: 0 }
      this.#sums.set(topic, sum)
    }
    sum.messages += messages
    sum.bytes += bytes
  }

  flush(): void {
    for (const sum of this.#sums.values()) {
      if (sum.messages === 0) continue
      this.#records.add(sum.messages, sum.attributes)
      this.#bytes?.add(sum.bytes, sum.attributes)
      sum.messages = 0
      sum.bytes = 0
    }
  }
}
