import {
  createEncryption,
  type Encryption,
  type EncryptionConfig,
  type EncryptionEvents,
  type EventName,
  type TopicRule,
} from '../../src/index.js'
import { emitted } from './emissions.js'
import { MemoryKms } from './memory-kms.js'

const EVENTS: Record<EventName, true> = {
  'engine.chosen': true,
  'dek.created': true,
  'dek.retired': true,
  'dek.destroyed': true,
  'dek.grace': true,
  'dek.waited': true,
  'dek.storeFailed': true,
  'batch.sealed': true,
  'batch.opened': true,
  'sealed.passed': true,
  'plaintext.delivered': true,
  'kms.call': true,
  'record.rejected': true,
  'override.configured': true,
  'override.used': true,
  'send.uncompressed': true,
  'send.split': true,
  'consumer.waiting': true,
  'consumer.stopped': true,
  'copy.started': true,
  'copy.ended': true,
  'audit.failed': true,
}

/** An event with its name, in the order emitted. */
export type SeenEvent = { [N in EventName]: { readonly name: N } & EncryptionEvents[N] }[EventName]

/** Records every event for the aftermath; returns the list they go to. */
export function watch(encryption: Encryption): SeenEvent[] {
  const seen: SeenEvent[] = []
  for (const name of Object.keys(EVENTS) as EventName[]) {
    encryption.on(name, (event) => {
      seen.push({ name, ...event } as SeenEvent)
      emitted('event', { name, ...event })
    })
  }
  return seen
}

/** An owner on a `MemoryKms` with CMK `cmk` named `main`, and what it emits. */
export async function memoryEncryption(
  topics: readonly TopicRule<string, string>[],
  rest: Partial<Omit<EncryptionConfig, 'topics' | 'kms'>> & { kms?: MemoryKms } = {},
): Promise<{ encryption: Encryption; kms: MemoryKms; events: SeenEvent[] }> {
  const { kms = new MemoryKms(), ...others } = rest
  const config: EncryptionConfig = {
    cmks: { main: [{ kms: 'memory', id: 'cmk' }] },
    ...others,
    kms: { memory: kms.client() },
    topics,
  }
  const encryption = await createEncryption(config)
  return { encryption, kms, events: watch(encryption) }
}
