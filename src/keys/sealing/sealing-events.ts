import type { ErrorCode } from '../../errors.js'
import type { DekOrigin, EventHub } from '../../events.js'
import type { RotationEffect } from '../../policy/rotation-events.js'
import type { SealingScope } from './dek-supplier.js'
import type { SealingSession } from './sealing-session.js'

type Effect<Do extends RotationEffect['do']> = Extract<RotationEffect, { readonly do: Do }>

/** Emits the events of the DEKs of one scope. */
export class SealingEvents {
  /** Members of all its events. */
  readonly names: { readonly rule: string; readonly topic?: string }
  readonly #firstCmkId: string
  readonly #hub: EventHub

  constructor({ rule, topic, cmks }: SealingScope, hub: EventHub) {
    this.names = topic === undefined ? { rule } : { rule, topic }
    this.#firstCmkId = cmks.list[0].id
    this.#hub = hub
  }

  created(session: SealingSession, origin: DekOrigin): void {
    const { wrappings, missing } = session
    this.#hub.emit('dek.created', {
      ...this.#of(session),
      cmkIds: wrappings.map(({ cmkId }) => cmkId),
      origin,
      ...(missing.length === 0 ? {} : { missing }),
    })
  }

  retired(session: SealingSession, { reason, usage, ageMs, grace }: Effect<'retire'>): void {
    this.#hub.emit('dek.retired', {
      ...this.#of(session),
      reason,
      ...usage,
      ageMs,
      ...(grace === undefined ? {} : { grace }),
    })
  }

  destroyed(session: SealingSession): void {
    const sessionId = session.id.toString('hex')
    this.#hub.emit('dek.destroyed', { side: 'sealing', sessionId, cmkId: this.#firstCmkId })
  }

  grace(session: SealingSession, { limit, code }: Effect<'grace'>, graceMs: number): void {
    this.#hub.emit('dek.grace', { ...this.#of(session), limit, code, graceMs })
  }

  waited(waitedMs: number, outcome: 'ok' | 'failed', code: ErrorCode | undefined): void {
    this.#hub.emit('dek.waited', {
      ...this.names,
      waitedMs,
      outcome,
      ...(code === undefined ? {} : { code }),
    })
  }

  #of(session: SealingSession): { rule: string; topic?: string; sessionId: string } {
    return { ...this.names, sessionId: session.id.toString('hex') }
  }
}
