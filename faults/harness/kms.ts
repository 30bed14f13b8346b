import { join } from 'node:path'
import {
  EMULATOR_CREDENTIAL,
  startTencentKmsEmulator,
  type Fault,
  type TencentKmsEmulator,
} from '../../packages/tencent-kms-emulator/src/index.js'
import type { TencentKmsOptions } from '../../src/kms/tencent/index.js'

/** What can happen to a KMS, and to the path to it. */
export const OUTAGES = {
  down: 'nothing listens',
  halfOpen: 'connections open, and nothing answers',
  throttled: 'every call exceeds the quota',
  unavailable: 'a gateway answers with HTTP 503',
  garbage: 'answers are not JSON',
  empty: 'answers have no body',
  reset: 'connections are reset',
  flapping: 'half of the calls fail',
} as const
export type Outage = keyof typeof OUTAGES

/** What someone has to undo: the KMS itself says no. */
export type Refusal = 'denied' | 'disabled'

const ALIAS = 'faults'

/** A KMS over HTTP that a schedule controls, with one CMK. Its address and its CMK outlive its end. */
export class FaultyKms {
  readonly #file: string
  #emulator: TencentKmsEmulator
  #isUp = true

  private constructor(file: string, emulator: TencentKmsEmulator) {
    this.#file = file
    this.#emulator = emulator
  }

  static async start(folder: string, name: string): Promise<FaultyKms> {
    const file = join(folder, `${name}.json`)
    return new FaultyKms(file, await startTencentKmsEmulator({ keys: [{ alias: ALIAS }], file }))
  }

  /** For a process; everything else is as by default. */
  get options(): TencentKmsOptions {
    return { credentials: EMULATOR_CREDENTIAL, endpoint: this.#emulator.url }
  }

  get cmkId(): string {
    const { region, keyId } = this.#key()
    return `${region}/${keyId}`
  }

  /** How often an action succeeded since the last start, as far as the newest 10,000 calls tell. */
  succeeded(action: string): number {
    return this.#emulator.calls().filter((call) => call.action === action && call.code === undefined).length
  }

  async begin(outage: Outage): Promise<void> {
    const { faults } = this.#emulator
    const always = (fault: Fault): void => void faults.inject({ ...fault, times: Infinity })
    switch (outage) {
      case 'down':
        this.#isUp = false
        return this.#emulator.close()
      case 'halfOpen':
        always({ kind: 'stall', when: 'before-headers' })
        return
      case 'throttled':
        always({ kind: 'error', code: 'RequestLimitExceeded' })
        return
      case 'unavailable':
        always({ kind: 'http', status: 503 })
        return
      case 'garbage':
        always({ kind: 'malformed' })
        return
      case 'empty':
        always({ kind: 'empty', body: '' })
        return
      case 'reset':
        always({ kind: 'reset', when: 'before-headers' })
        return
      case 'flapping':
        always({ kind: 'error', code: 'InternalError', probability: 0.5 })
    }
  }

  /** An outage for those who seal, or for those who open. */
  beginOn(side: 'sealing' | 'opening'): void {
    const action = side === 'sealing' ? 'GenerateDataKey' : 'Decrypt'
    this.#emulator.faults.inject({ kind: 'http', status: 503, action, times: Infinity })
  }

  slow(ms: number): void {
    this.#emulator.faults.inject({ kind: 'latency', ms, times: Infinity })
  }

  refuse(refusal: Refusal): void {
    if (refusal === 'disabled') this.#emulator.setKeyState(this.#key().keyId, 'Disabled')
    else this.#emulator.setCredentials([{ ...EMULATOR_CREDENTIAL, allow: [] }])
  }

  /** Ends every outage and every refusal. */
  async recover(): Promise<void> {
    if (!this.#isUp) {
      const { port } = this.#emulator
      this.#emulator = await startTencentKmsEmulator({ port, file: this.#file })
      this.#isUp = true
    }
    this.#emulator.faults.clear()
    this.#emulator.setCredentials([EMULATOR_CREDENTIAL])
    this.#emulator.setKeyState(this.#key().keyId, 'Enabled')
  }

  async close(): Promise<void> {
    if (this.#isUp) await this.#emulator.close()
  }

  #key(): ReturnType<TencentKmsEmulator['keys']>[number] {
    const [key] = this.#emulator.keys()
    if (key === undefined) throw new Error('the emulator has no key')
    return key
  }
}
