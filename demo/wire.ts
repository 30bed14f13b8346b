/** The messages from the consuming process to its parent. */
export type FromConsumer =
  { readonly records: readonly Received[] } | { readonly failed: string } | { readonly end: ConsumerEnd }

/** The measurements of the consuming process. */
export interface ConsumerEnd {
  readonly kmsCalls: Readonly<Record<string, number>>
  /** From the first batch to the last, including reading, opening and passing on. */
  readonly busyMs: number
}

/** A record that came back, with its bytes in base64. */
export interface Received {
  readonly topic: string
  readonly key: string | null
  readonly value: string | null
  /** In order; each value of a repeated header is its own entry. */
  readonly headers: readonly (readonly [name: string, value: string | null])[]
}

type Content = Buffer | string | null | undefined

const base64 = (bytes: Content): string | null =>
  bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString('base64')

/** The form of a record for comparison. */
export function received(
  topic: string,
  record: {
    readonly key?: Content
    readonly value: Content
    readonly headers?: Readonly<Record<string, Content | (Buffer | string)[]>> | undefined
  },
): Received {
  return {
    topic,
    key: base64(record.key),
    value: base64(record.value),
    headers: Object.entries(record.headers ?? {}).flatMap(([name, values]) =>
      (Array.isArray(values) ? values : [values]).map((value) => [name, base64(value)] as const),
    ),
  }
}
