import type { Preamble } from '../../envelope/format.js'
import { fingerprintOf, formatOf } from '../../envelope/formats.js'
import { isEnvelopeError } from '../../errors.js'

/** What the values of some records have in common, as far as that can be seen without a key. */
export interface Finding {
  readonly kind: 'sealed' | 'plaintext' | 'unknownFormat' | 'malformed' | 'tombstone'
  readonly format?: string
  readonly sealing?: Sealing
}

/** What the envelopes of one session and topic have in common. Nothing of it is authenticated. */
export interface Sealing {
  readonly suite: string
  readonly compression: string
  /** `<provider> <id>` of each CMK. */
  readonly cmks: readonly string[]
  /** `key=value`, with commas between. */
  readonly context: string
  readonly sealedFor: string
  readonly sessionId: Buffer
  readonly wrappedDeks: Preamble['wrappedDeks']
}

const TOMBSTONE: Finding = { kind: 'tombstone' }
const PLAINTEXT: Finding = { kind: 'plaintext' }
const MALFORMED: Finding = { kind: 'malformed' }
/** Records of this many sessions, taking turns, are parsed once for each session. */
const MAX_KNOWN = 2000
const COMPRESSIONS = ['none', 'gzip', 'zstd', 'deflate-dictionary']

/** What a value is, and how many of its bytes sealing added. */
type Found = readonly [finding: Finding, overhead: number]

/** Tells what values are. The same preamble gives the same finding. */
export class Findings {
  readonly #known = new Map<string, Finding>()
  readonly #foreign = new Map<string, Finding>()
  #last: { readonly preamble: Buffer; readonly finding: Finding } | undefined

  of(value: Buffer | null): Found {
    if (value === null) return [TOMBSTONE, 0]
    try {
      return this.#sealed(value)
    } catch (error) {
      if (!isEnvelopeError(error)) throw error
      if (error.code === 'NOT_SEALED') return [PLAINTEXT, 0]
      if (error.code === 'UNKNOWN_FORMAT') return [this.#foreignFormat(fingerprintOf(value)), 0]
      return [MALFORMED, 0]
    }
  }

  #sealed(value: Buffer): Found {
    const last = this.#last
    if (last !== undefined && startsWith(value, last.preamble)) {
      return [last.finding, formatOf(value).bodyStart(value, last.preamble.length)]
    }
    const format = formatOf(value)
    const name = value.toString('latin1', 0, format.preambleLength(value))
    const preamble = Buffer.from(name, 'latin1')
    const bodyAt = format.bodyStart(value, preamble.length)
    let finding = this.#known.get(name)
    if (finding === undefined) {
      const sealing = sealingOf(format.decodePreamble(preamble))
      finding = { kind: 'sealed', format: `v${String(format.version)}`, sealing }
      if (this.#known.size === MAX_KNOWN) this.#known.clear()
      this.#known.set(name, finding)
    }
    this.#last = { preamble, finding }
    return [finding, bodyAt]
  }

  #foreignFormat(fingerprint: string): Finding {
    let finding = this.#foreign.get(fingerprint)
    if (finding === undefined) {
      finding = { kind: 'unknownFormat', format: `Avro schema ${fingerprint}` }
      if (this.#foreign.size === MAX_KNOWN) this.#foreign.clear()
      this.#foreign.set(fingerprint, finding)
    }
    return finding
  }
}

function sealingOf({ header, wrappedDeks }: Preamble): Sealing {
  return {
    suite: String(header.suite),
    compression: COMPRESSIONS[header.compression] ?? String(header.compression),
    cmks: wrappedDeks.map(({ provider, cmkId }) => `${provider} ${cmkId}`),
    context: header.context.map((entry) => entry.join('=')).join(','),
    sealedFor: header.topic,
    sessionId: header.sessionId,
    wrappedDeks,
  }
}

function startsWith(value: Buffer, bytes: Buffer): boolean {
  return value.length >= bytes.length && value.compare(bytes, 0, bytes.length, 0, bytes.length) === 0
}
