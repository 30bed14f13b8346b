import { context, SpanKind, SpanStatusCode, trace, type Span } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EnvelopeError } from '../../src/errors.js'
import type { KmsTracer } from '../../src/index.js'
import { systemClock } from '../../src/clock.js'
import { instrument } from '../../src/opentelemetry/index.js'
import { kmsTracer } from '../../src/opentelemetry/kms-tracer.js'
import { owner, settle, type Owner } from '../keys/owner.js'
import { MemoryKms } from '../support/memory-kms.js'
import { telemetry, type Telemetry } from '../support/telemetry.js'
import { openRecords } from '../../src/record/index.js'

let seen: Telemetry

beforeEach(() => {
  seen = telemetry()
})
afterEach(async () => {
  vi.restoreAllMocks()
  await seen.end()
})

/** Runs within a span of the application's. */
async function within<T>(name: string, run: (span: Span) => Promise<T>): Promise<T> {
  return trace.getTracer('application').startActiveSpan(name, async (span) => {
    try {
      return await run(span)
    } finally {
      span.end()
    }
  })
}

const spanOf = (name: string): ReadableSpan => {
  const found = seen.spans().filter((span) => span.name === name)
  expect(found, name).toHaveLength(1)
  return found[0] as ReadableSpan
}
const parentOf = (name: string): string | undefined => spanOf(name).parentSpanContext?.spanId
const idOf = (name: string): string => spanOf(name).spanContext().spanId

/** A KMS whose provider makes a span of its own for each call, as instrumented HTTP clients do. */
class CallingKms extends MemoryKms {
  override async generateDek(
    call: Parameters<MemoryKms['generateDek']>[0],
  ): ReturnType<MemoryKms['generateDek']> {
    return within('POST', () => super.generateDek(call))
  }
}

async function instrumented(kms = new MemoryKms()): Promise<Owner> {
  const made = await owner({ kms })
  instrument(made.encryption)
  return made
}

describe('a call to a KMS', () => {
  it('a call to a KMS is a span inside the active one, around those of the provider; it names KMS, CMK and operation', async () => {
    const made = await instrumented(new CallingKms())
    const [envelope = null] = await within('order', () => made.seal(1))
    await within('bill', () => openRecords(made.encryption, [{ topic: 't', value: envelope }]))
    expect(parentOf('generate memory')).toBe(idOf('order'))
    expect(parentOf('POST')).toBe(idOf('generate memory'))
    expect(parentOf('unwrap memory')).toBe(idOf('bill'))
    const span = spanOf('generate memory')
    expect(span.kind).toBe(SpanKind.CLIENT)
    expect(span.status.code).toBe(SpanStatusCode.UNSET)
    expect(span.instrumentationScope).toMatchObject({ name: 'kafka-envelope', version: '0.1.0' })
    expect(span.attributes).toEqual({
      'kafka_envelope.kms.name': 'memory',
      'kafka_envelope.operation': 'generate',
      'kafka_envelope.cmk.id': 'cmk',
    })
  })

  it('the span of a call to a KMS that re-encrypts names both CMKs', () => {
    const tracer = kmsTracer(trace.getTracer('kafka-envelope'))
    tracer({ kms: 'memory', cmkId: 'cmk', toCmkId: 'next', operation: 'rewrap' }).end()
    expect(spanOf('rewrap memory').attributes).toMatchObject({
      'kafka_envelope.operation': 'rewrap',
      'kafka_envelope.cmk.id': 'cmk',
      'kafka_envelope.to_cmk.id': 'next',
    })
  })

  it('the span of a call to a KMS that fails has the code, and nothing else of the error', async () => {
    const made = await instrumented()
    made.kms.failure = new EnvelopeError('KMS_DENIED', 'no')
    await expect(made.seal(1)).rejects.toMatchObject({ code: 'KMS_DENIED' })
    const { status, attributes, events } = spanOf('generate memory')
    expect(status).toEqual({ code: SpanStatusCode.ERROR })
    expect(attributes).toMatchObject({ 'error.type': 'KMS_DENIED' })
    expect(events).toEqual([])
  })

  it('the span of a call to a KMS that several callers share belongs to the first; the others continue in their own contexts', async () => {
    const made = await instrumented()
    made.kms.hold = true
    const active: (Span | undefined)[] = []
    const sends = ['first', 'second'].map((name) =>
      within(name, async (span) => {
        await made.seal(1)
        active.push(trace.getSpan(context.active()))
        return span
      }),
    )
    await made.kms.waitForHeld()
    for (const call of [...made.kms.held]) call.succeed()
    const spans = await Promise.all(sends)
    expect(parentOf('generate memory')).toBe(idOf('first'))
    expect(active).toEqual(spans)
  })

  it('a call to a KMS that a timer makes does not belong to the span of a caller', async () => {
    // The real timers: Node carries contexts through them.
    const active = (): Span | undefined => trace.getSpan(context.active())
    const [ours, plain, span] = await within('order', async (order) => [
      await new Promise((resolve) =>
        systemClock.schedule(() => {
          resolve(active())
        }, 1),
      ),
      await new Promise((resolve) =>
        setTimeout(() => {
          resolve(active())
        }, 1),
      ),
      order,
    ])
    expect(plain).toBe(span)
    expect(ours).toBeUndefined()
  })
})

describe('a tracer', () => {
  it('a tracer never gets a DEK, and one that throws, rejects, runs nothing or runs twice does not affect a call', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue()
    const made = await owner()
    const given: unknown[] = []
    const broken = (): never => {
      throw new RangeError('secret')
    }
    const tracers: KmsTracer[] = [
      broken,
      () => ({ run: broken, end: broken }),
      () => ({ run: () => undefined, end: () => undefined }),
      () => ({
        run: () => Promise.reject(new RangeError('secret')),
        end: () => Promise.reject(new RangeError('secret')),
      }),
      (() => Promise.reject(new RangeError('secret'))) as unknown as KmsTracer,
      (call) => ({
        run: (start: () => unknown) => {
          given.push(call, start(), start())
        },
        end: (...args) => {
          given.push(args)
        },
      }),
    ]
    const removers = tracers.map((tracer) => made.encryption.trace(tracer))
    await made.seal(1)
    await settle()
    expect(made.kms.calls).toHaveLength(1)
    expect(given).toEqual([
      { kms: 'memory', cmkId: 'cmk', operation: 'generate' },
      undefined,
      undefined,
      [undefined],
    ])
    const warnings = (did: string): string[] =>
      Array.from({ length: 3 }, () => `a tracer of KMS calls ${did} RangeError`)
    expect(warned.mock.calls.map(([text]) => text as string).sort()).toEqual([
      ...warnings('rejected with'),
      ...warnings('threw'),
    ])
    for (const remove of removers) remove()
    await made.encryption.rotate()
    expect(given).toHaveLength(4)
    expect(warned).toHaveBeenCalledTimes(6)
  })
})
