import fc from 'fast-check'
import type { Message, Producer, ProducerRecord } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { EnvelopeError, isEnvelopeError, type ErrorCode } from '../../src/errors.js'
import { owner, settle, type Owner } from '../keys/owner.js'
import { parts } from '../support/sealed.js'
import { encryptProducer } from '../../src/clients/kafkajs/index.js'

const MAX_AGE_MS = 100_000
const MAX_MESSAGES = 7
const MAX_BYTES = 2000
const GRACE_MS = 60_000

/** The state that the test knows: which sends are in flight, and whether the owner is closed. */
interface Model {
  closed: boolean
}

/** The system under test: an owner behind a KafkaJS producer that records its messages. */
class Real {
  readonly #owner: Owner
  readonly #producer: Producer
  readonly #handed: {
    readonly n: number
    readonly topic: string
    readonly value: Buffer
  }[] = []
  readonly #waiting = new Set<Promise<unknown>>()
  readonly #codes: string[] = []
  /** Messages of each session at the last check. */
  readonly #sealed = new Map<string, number>()
  #sent = 0

  constructor(made: Owner) {
    this.#owner = made
    const inner = {
      send: (record: ProducerRecord) => {
        for (const { value, headers } of record.messages) {
          const n = Number(headers?.['n'])
          this.#handed.push({
            n,
            topic: record.topic,
            value: value as Buffer,
          })
        }
        return Promise.resolve([])
      },
    }
    this.#producer = encryptProducer(inner as unknown as Producer, made.encryption)
  }

  get owner(): Owner {
    return this.#owner
  }

  send(topic: string, sizes: readonly number[]): void {
    const messages = sizes.map((size): Message => ({
      value: Buffer.alloc(size),
      headers: { n: String(this.#sent++) },
    }))
    this.watch(this.#producer.send({ topic, messages }))
  }

  /** Nothing may stay under way for ever, and nothing may fail but as documented. */
  watch(work: Promise<unknown>): void {
    const watched = work
      .catch((error: unknown) => {
        this.#codes.push(isEnvelopeError(error) ? error.code : String(error))
      })
      .finally(() => this.#waiting.delete(watched))
    this.#waiting.add(watched)
  }

  /** The KMS answers one of its calls, in any order: one that a caller waits for, or one that was cancelled. */
  answer(fail: ErrorCode | undefined, which = 0): void {
    const { held } = this.#owner.kms
    const call = held[which % Math.max(held.length, 1)]
    if (fail === undefined) call?.succeed()
    else call?.fail(new EnvelopeError(fail, 'as told'))
  }

  check(): void {
    const inFlight = this.#owner.kms.held.filter(({ call }) => !call.signal.aborted)
    expect(inFlight.length, 'calls in flight for one key').toBeLessThanOrEqual(1)
    const sessions = new Map<string, { counters: number[]; bytes: number }>()
    for (const { value } of this.#handed) {
      const { session, counter, body } = parts(value)
      const seen = sessions.get(session) ?? { counters: [], bytes: 0 }
      seen.counters.push(counter)
      sessions.set(session, { ...seen, bytes: seen.bytes + body.length })
    }
    const created = this.#owner.named('dek.created').map(({ sessionId }) => sessionId)
    const retired = new Map(this.#owner.named('dek.retired').map((event) => [event.sessionId, event]))
    const inGrace = new Set(this.#owner.named('dek.grace').map(({ sessionId }) => sessionId))
    for (const [session, { counters, bytes }] of sessions) {
      expect(created, 'a session that was never created').toContain(session)
      expect(new Set(counters).size, '(key, IV) twice').toBe(counters.length)
      if (inGrace.has(session)) continue
      expect(counters.length, 'messages').toBeLessThanOrEqual(MAX_MESSAGES)
      expect(bytes, 'bytes').toBeLessThanOrEqual(MAX_BYTES)
    }
    for (const event of retired.values()) {
      const { messages, bytes, grace, ageMs, reason } = event
      expect(messages - (grace?.messages ?? 0), 'messages at the end').toBeLessThanOrEqual(MAX_MESSAGES)
      expect(bytes - (grace?.bytes ?? 0), 'bytes at the end').toBeLessThanOrEqual(MAX_BYTES)
      if (reason === 'age') expect(ageMs).toBeGreaterThanOrEqual(MAX_AGE_MS)
      if (grace) expect(inGrace).toContain(event.sessionId)
    }
    this.#checkAges(inGrace)
    for (const topic of ['t', 'u']) {
      const order = this.#handed.filter((handed) => handed.topic === topic).map(({ n }) => n)
      expect(order, `order on ${topic}`).toEqual(order.toSorted((a, b) => a - b))
    }
    // A history may take more than the hour that a send waits.
    const allowed = ['KMS_UNAVAILABLE', 'KMS_DENIED', 'KMS_REFUSED', 'KEY_WAIT_TIMEOUT', 'ENCRYPTION_CLOSED']
    for (const code of this.#codes) expect(allowed).toContain(code)
  }

  /** Only commands move the clock, so everything sealed since the last check was sealed now. */
  #checkAges(inGrace: ReadonlySet<string>): void {
    const now = [
      ...this.#owner.named('dek.retired'),
      ...this.#owner.encryption.health().sealingKeys.filter(({ sessionId }) => sessionId !== undefined),
    ]
    for (const { sessionId = '', messages = 0, ageMs = 0 } of now) {
      const grew = messages > (this.#sealed.get(sessionId) ?? 0)
      if (grew && !inGrace.has(sessionId)) expect(ageMs, 'age').toBeLessThan(MAX_AGE_MS)
      this.#sealed.set(sessionId, messages)
    }
  }

  get waiting(): number {
    return this.#waiting.size
  }

  get handed(): number {
    return this.#handed.length
  }

  get failed(): number {
    return this.#codes.length
  }
}

class Act implements fc.AsyncCommand<Model, Real> {
  readonly #name: string
  readonly #run: (real: Real, model: Model) => void

  constructor(name: string, run: (real: Real, model: Model) => void) {
    this.#name = name
    this.#run = run
  }

  check(): boolean {
    return true
  }

  async run(model: Model, real: Real): Promise<void> {
    const before = real.handed
    this.#run(real, model)
    await settle()
    await settle()
    real.check()
    if (model.closed && this.#name !== 'close') expect(real.handed, 'sealed after close').toBe(before)
  }

  toString(): string {
    return this.#name
  }
}

const sizes = fc.array(fc.integer({ min: 0, max: 600 }), { minLength: 1, maxLength: 12 })
const commands = [
  sizes.map(
    (all) =>
      new Act(`send ${String(all)}`, (real) => {
        real.send('t', all)
      }),
  ),
  sizes.map(
    (all) =>
      new Act(`send to u ${String(all)}`, (real) => {
        real.send('u', all)
      }),
  ),
  fc.nat(3).map(
    (which) =>
      new Act(`succeed ${String(which)}`, (real) => {
        real.answer(undefined, which)
      }),
  ),
  fc.constant(
    new Act('succeed', (real) => {
      real.answer(undefined)
    }),
  ),
  fc
    .record({
      code: fc.constantFrom<ErrorCode[]>('KMS_UNAVAILABLE', 'KMS_DENIED', 'KMS_REFUSED'),
      which: fc.nat(3),
    })
    .map(
      ({ code, which }) =>
        new Act(`fail ${code} ${String(which)}`, (real) => {
          real.answer(code, which)
        }),
    ),
  fc.integer({ min: -MAX_AGE_MS, max: MAX_AGE_MS }).map(
    (ms) =>
      new Act(`step ${String(ms)}`, (real) => {
        real.owner.clock.step(ms)
      }),
  ),
  fc.integer({ min: 1, max: MAX_AGE_MS }).map(
    (ms) =>
      new Act(`advance ${String(ms)}`, (real) => {
        real.owner.clock.advance(ms)
      }),
  ),
  fc.integer({ min: 1, max: MAX_AGE_MS }).map(
    (ms) =>
      new Act(`sleep ${String(ms)}`, (real) => {
        real.owner.clock.sleep(ms)
      }),
  ),
  fc.constant(
    new Act('rotate', (real) => {
      real.watch(real.owner.encryption.rotate())
    }),
  ),
  fc.constant(
    new Act('evict', (real) => {
      real.owner.encryption.evict('cmk')
    }),
  ),
  fc.constant(
    new Act('close', (real, model) => {
      model.closed = true
      real.watch(real.owner.encryption.close())
    }),
  ),
]

// The rotation behind a producer, with promises and real keys; rotation.model.slow.test.ts tests its decisions alone.
describe.each([
  ['without prefetch', 0, 0],
  ['with prefetch', '20s', 0],
  ['with prefetch and grace', '20s', GRACE_MS],
  ['with grace alone', 0, GRACE_MS],
] as const)('a producer whose rule is %s', (_, prefetch, grace) => {
  it('a producer keeps order, limits and IVs in any history', async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 60, size: 'max' }), async (script) => {
        const made = await owner({
          encrypt: {
            rotate: {
              maxAge: MAX_AGE_MS,
              maxMessages: MAX_MESSAGES,
              maxBytes: MAX_BYTES,
              prefetch,
              allowFrequentRotation: true,
              grace,
            },
            dekTimeout: '1h',
          },
          config: { kmsTimeout: '10m' },
        })
        made.kms.hold = true
        const real = new Real(made)
        await fc.asyncModelRun(() => ({ model: { closed: false }, real }), script)
        // Everything that waits ends: as soon as the KMS answers, or at the latest with the owner.
        for (let i = 0; i < 200 && real.waiting > 0 && made.kms.held.length > 0; i++) {
          real.answer(undefined)
          await settle()
        }
        real.check()
        if (made.kms.held.length === 0) expect(real.waiting, 'waiters with nothing to wait for').toBe(0)
        await made.encryption.close()
        while (made.kms.held.length > 0) real.answer(undefined)
        for (let i = 0; i < 3; i++) await settle()
        expect(real.waiting, 'waiters after the end').toBe(0)
        expect(made.clock.timers, 'timers after the end').toBe(0)
        expect(made.named('dek.destroyed').length, 'keys left').toBe(made.named('dek.created').length)
        real.check()
      }),
      { numRuns: 100 },
    )
  }, 120_000)
})
