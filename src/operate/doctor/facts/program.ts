import { createRequire } from 'node:module'
import { join } from 'node:path'
import { waitFor } from '../../../cancellation.js'
import type { Clock } from '../../../clock.js'
import { chooseEngine } from '../../../crypto/choose-engine.js'
import { isEnvelopeError } from '../../../errors.js'
import type { DekStore } from '../../../dek-store/dek-store.js'
import { messageOf } from './message-of.js'

export interface ProgramFacts {
  /** `22.15.0` */
  readonly node: string
  /** Undefined if none is found. */
  readonly kafkaJs: string | undefined
  readonly engine: EngineFacts
  readonly dekStore: { readonly failure?: string } | undefined
}

export interface EngineFacts {
  /** KAFKA_ENVELOPE_ENGINE. */
  readonly wanted: string | undefined
  /** Why the native engine cannot be used; undefined if it can be, or nobody asked. */
  readonly problem?: string
}

/** A scope under which a store has nothing. */
const SCOPE = 'kafka-envelope doctor'
/** For so long an encryption waits for a store. */
const STORE_MS = 5000

export async function askProgram(dekStore: DekStore | undefined, clock: Clock): Promise<ProgramFacts> {
  return {
    node: process.versions.node,
    kafkaJs: kafkaJsVersion(),
    engine: await askEngine(process.env['KAFKA_ENVELOPE_ENGINE']),
    dekStore: dekStore && (await askStore(dekStore, clock)),
  }
}

/** As the running program loads it, or one in this folder: a client does not say which version made it. */
function kafkaJsVersion(): string | undefined {
  for (const from of [process.argv[1], join(process.cwd(), 'any.js')]) {
    try {
      const { version } = createRequire(from ?? '')('kafkajs/package.json') as Record<string, unknown>
      if (typeof version === 'string') return version
    } catch {
      // Not there.
    }
  }
  return undefined
}

async function askEngine(wanted: string | undefined): Promise<EngineFacts> {
  if (wanted === 'node') return { wanted }
  try {
    await chooseEngine(wanted === undefined || wanted === '' ? 'native' : wanted)
    return { wanted }
  } catch (error) {
    const [issue] = isEnvelopeError(error) ? error.issues : []
    return { wanted, problem: issue?.message ?? messageOf(error) }
  }
}

async function askStore(store: DekStore, clock: Clock): Promise<{ readonly failure?: string }> {
  try {
    const loaded = await waitFor(store.load(SCOPE), { clock, ms: STORE_MS })
    return loaded === 'late' ? { failure: 'it did not answer within 5 seconds' } : {}
  } catch (error) {
    return { failure: messageOf(error) }
  }
}
