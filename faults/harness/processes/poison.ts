import type { Message, Producer } from 'kafkajs'
import type { Encryption } from '../../../src/index.js'
import { sealRecords } from '../../../src/record/index.js'
import { FORGED } from '../record.js'
import type { PoisonKind, PoisonSetup } from './setup.js'

/** After the marker `C3 01` an envelope names its format. */
const FINGERPRINT_AT = 2

export interface Poisoning {
  readonly encryption: Encryption
  /** Sends without sealing. */
  readonly plain: Producer
  readonly topic: string
  readonly poison: PoisonSetup
}

/** Sends sealed records, and among them one of each kind of poison, in one batch. */
export function poisoning({ encryption, plain, topic, poison: { at, kinds } }: Poisoning) {
  return async (messages: readonly Message[]): Promise<void> => {
    const bad = kinds.map(() => ({ key: FORGED, value: FORGED }))
    const records = [...messages, ...bad].map(({ key = null, value }) => ({ topic, key, value }))
    const sealed = (await sealRecords(encryption, records)).map(({ key, value }) => ({ key, value }))
    const good = sealed.slice(0, messages.length)
    const poisoned = sealed
      .slice(messages.length)
      .map(({ key, value }, i) => ({ key, value: spoilt(kinds[i] ?? 'plaintext', value) }))
    const place = { beginning: 0, middle: Math.floor(good.length / 2), end: good.length }[at]
    await plain.send({ topic, messages: good.toSpliced(place, 0, ...poisoned) })
  }
}

function spoilt(kind: PoisonKind, envelope: Buffer | string | null): Buffer {
  const bytes = Buffer.from(envelope ?? '')
  if (kind === 'plaintext') return Buffer.from(FORGED)
  if (kind === 'cut') return bytes.subarray(0, bytes.length - 3)
  const flipped = kind === 'unknown' ? FINGERPRINT_AT : bytes.length - 1
  bytes.writeUInt8(bytes.readUInt8(flipped) ^ 1, flipped)
  return bytes
}
