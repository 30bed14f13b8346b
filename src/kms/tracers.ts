import type { ErrorCode } from '../errors.js'
import { harmless, isThenable, type KmsOperation } from '../events.js'

/** A call to a KMS as tracers see it, without DEKs. */
export interface TracedKmsCall {
  /** The name of the KMS in the configuration. */
  readonly kms: string
  readonly cmkId: string
  readonly operation: KmsOperation
}

/** How warnings name it. */
const TRACER = 'a tracer of KMS calls'

/** A tracer's span of one call. */
export interface KmsCallSpan {
  /** Runs the call, synchronously and once, in whatever context the tracer chooses. */
  run(call: () => void): unknown
  /** The call ended, with `code` if it failed. Called once. */
  end(code?: ErrorCode): unknown
}

/** Called in the async context of the caller; if several callers share a call, in that of the first. */
export type KmsTracer = (call: TracedKmsCall) => KmsCallSpan

/** The tracers of one owner. A tracer that throws, rejects, or does not run the call does no harm: a failure is reported as a warning. */
export class KmsTracers {
  readonly #tracers = new Set<{ readonly trace: KmsTracer }>()

  /** Adds a tracer; returns what removes it. */
  add(trace: KmsTracer): () => void {
    const entry = { trace }
    this.#tracers.add(entry)
    return () => {
      this.#tracers.delete(entry)
    }
  }

  /** The call within a span of each tracer, the first one's outermost. */
  start(call: TracedKmsCall): { run<T>(call: () => Promise<T>): Promise<T>; end(code?: ErrorCode): void } {
    const spans: KmsCallSpan[] = []
    for (const { trace } of this.#tracers)
      harmless(TRACER, () => {
        const span = trace(call)
        // A span that comes later is too late for this call; if it fails to come, that is reported.
        if (!isThenable(span)) spans.push(span)
        return span
      })
    return {
      run: <T>(start: () => Promise<T>): Promise<T> => {
        let running: Promise<T> | undefined
        // A tracer learns that the call runs, never what it returns: that is a DEK.
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
