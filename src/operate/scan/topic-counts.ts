import { Distinct } from './distinct.js'
import type { Finding } from './findings.js'
import type { TopicReport } from './report.js'

/** Forged envelopes could name any number of CMKs. */
const MAX_CMKS = 200

/** What is counted once in a topic: sealing sessions, and ciphertext DEKs under each CMK. */
export class TopicCounts {
  readonly sessions: Distinct = new Distinct()
  readonly #deks = new Map<string, Distinct>()

  constructor(before?: TopicReport) {
    if (before === undefined) return
    this.sessions.addAll(before.sessions)
    for (const [cmk, deks] of Object.entries(before.deks)) this.#dekCount(cmk)?.addAll(deks)
  }

  add({ sealing }: Finding): void {
    if (sealing === undefined) return
    this.sessions.add(sealing.sessionId)
    for (const { provider, cmkId, ciphertextDek } of sealing.wrappedDeks) {
      this.#dekCount(`${provider} ${cmkId}`)?.add(ciphertextDek)
    }
  }

  /** By `<provider> <id>`. */
  get deks(): Readonly<Record<string, Distinct>> {
    return Object.fromEntries(this.#deks)
  }

  #dekCount(cmk: string): Distinct | undefined {
    let counted = this.#deks.get(cmk)
    if (counted === undefined && this.#deks.size < MAX_CMKS) {
      this.#deks.set(cmk, (counted = new Distinct()))
    }
    return counted
  }
}
