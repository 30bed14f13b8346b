import { context, SpanKind, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api'
import type { KmsTracer } from '../index.js'
import { ATTR } from './attributes.js'

/**
 * A span around each call to a KMS, one per attempt. It is a child of the span that was active when the call was made, and
 * is active during the call, so that spans of HTTP clients become its children.
 */
export function kmsTracer(tracer: Tracer): KmsTracer {
  return ({ kms, cmkId, toCmkId, operation }) => {
    const span = tracer.startSpan(`${operation} ${kms}`, {
      kind: SpanKind.CLIENT,
      attributes: {
        [ATTR.kmsName]: kms,
        [ATTR.operation]: operation,
        [ATTR.cmkId]: cmkId,
        ...(toCmkId !== undefined && { [ATTR.toCmkId]: toCmkId }),
      },
    })
    const inside = trace.setSpan(context.active(), span)
    return {
      run: (call) => {
        context.with(inside, call)
      },
      end: (code) => {
        if (code !== undefined) {
          span.setAttribute(ATTR.errorType, code)
          span.setStatus({ code: SpanStatusCode.ERROR })
        }
        span.end()
      },
    }
  }
}
