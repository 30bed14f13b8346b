import { readFileSync } from 'node:fs'
import avsc from 'avsc'

function schema(name: string): avsc.Type {
  const text = readFileSync(new URL(`../../schemas/${name}.avsc`, import.meta.url), 'utf8')
  return avsc.Type.forSchema(JSON.parse(text) as avsc.Schema)
}

const envelopes = schema('envelope.v1')
const headers = schema('header.v1')

/** The content of an envelope, as a stock Avro library reads it. */
export interface SealedParts {
  readonly wrappedDeks: readonly { provider: string; cmkId: string; ciphertextDek: Buffer }[]
  readonly header: Buffer
  readonly iv: Buffer
  readonly tag: Buffer
  readonly body: Buffer
  /** Session id in hex. */
  readonly session: string
  /** The counter in the IV. */
  readonly counter: number
  readonly topic: string
  readonly compression: number
}

export function parts(value: Buffer | null): SealedParts {
  if (value === null) throw new Error('a tombstone has no parts')
  const envelope = envelopes.fromBuffer(value.subarray(10)) as Omit<
    SealedParts,
    'session' | 'counter' | 'topic' | 'compression'
  >
  const header = headers.fromBuffer(envelope.header) as {
    sessionId: Buffer
    topic: string
    compression: number
  }
  return {
    ...envelope,
    session: header.sessionId.toString('hex'),
    counter: Number(envelope.iv.readBigUInt64BE(4)),
    topic: header.topic,
    compression: header.compression,
  }
}

/** How many records each session sealed, in order of first use. */
export function perSession(values: readonly (Buffer | null)[]): number[] {
  const counts = new Map<string, number>()
  for (const value of values) {
    const { session } = parts(value)
    counts.set(session, (counts.get(session) ?? 0) + 1)
  }
  return [...counts.values()]
}
