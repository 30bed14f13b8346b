import type { ErrorCode } from '../errors.js'
import { harmless, isThenable, type KmsOperation } from '../events.js'

/** A call to a KMS as tracers see it, without DEKs. */
export interface TracedKmsCall {
  /** The name of the KMS in the configuration. */
  readonly kms: string
  readonly cmkId: string
  /** Only for `rewrap`: the CMK under which the service re-encrypts a ciphertext DEK of `cmkId`. */
  readonly toCmkId?: string
  readonly operation: KmsOperation
}

/** The name of a tracer in warnings. */
const TRACER = 'a tracer of KMS calls'

/** A tracer's span of one call. */
export interface KmsCallSpan {
  /** Runs the call, synchronously and once, in a context that the tracer chooses. */
  run(call: () => void): unknown
  /** The call ended, with `code` if it failed. Called once. */
  end(code?: ErrorCode): unknown
}

/** Called in the async context of the caller; if several callers share a call, in that of the first. */
export type KmsTracer = (call: TracedKmsCall) => KmsCallSpan

/**
 * The tracers of one owner. A tracer that throws, rejects, or does not run the call affects nothing else; its failure
 * is reported as a warning.
 */
export class KmsTracers {
  readonly #tracers = new Set<{ readonly trace: KmsTracer }>()

  /** Adds a tracer; returns a function that removes it. */
  add(trace: KmsTracer): () => void {
    const entry = { trace }
    this.#tracers.add(entry)
    return () => {
      this.#tracers.delete(entry)
    }
  }

  /** Starts a span of each tracer around the call; the span of the first tracer is the outermost. */
  start(call: TracedKmsCall): { run<T>(call: () => Promise<T>): Promise<T>; end(code?: ErrorCode): void } {
    const spans: KmsCallSpan[] = []
    for (const { trace } of this.#tracers)
      harmless(TRACER, () => {
        const span = trace(call)
        // A promise of a span comes too late for this call. If it rejects, that is reported.
        if (!isThenable(span)) spans.push(span)
        return span
      })
    return {
      run: <T>(start: () => Promise<T>): Promise<T> => {
        let running: Promise<T> | undefined
        // A tracer never sees the result of the call, which is a DEK.
        const innermost = (): void => {
          running = start()
        }
        spans.reduceRight(within, innermost)()
        return running as unknown as Promise<T>
      },
      end: (code) => {
        for (const span of spans.toReversed()) {
          harmless(TRACER, () => span.end(code))
        }
      },
    }
  }
}

/** Runs `inner` within a span, once, whatever the tracer does. */
function within(inner: () => void, span: KmsCallSpan): () => void {
  return () => {
    let ran = false
    const once = (): void => {
      if (ran) return
      ran = true
      inner()
    }
    harmless(TRACER, () => span.run(once))
    once()
  }
}
