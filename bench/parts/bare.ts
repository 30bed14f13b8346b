import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import type { Consumer, ConsumerRunConfig, KafkaMessage, Message } from 'kafkajs'
import type { NativeAddon } from '../../src/crypto/native-engine.js'
import { ENGINES, type EngineName } from './engines.js'

/*
 * The least that any handler of KafkaJS that decrypts has to do, written like the engines: AES-GCM under one key that it has,
 * and a message with the plaintext. It reads no envelope and no header, checks nothing but the tag, and keeps one key.
 */

const ALGORITHM = 'aes-256-gcm'
const [IV_BYTES, TAG_BYTES] = [12, 16]
const AAD = Buffer.alloc(128)
/** What one call of the addon opens, and what shares memory, as in the native engine. */
const CALL_BYTES = 2 ** 15
const LAYOUT_PLACES = 7

/** A handler that only decrypts. */
export interface Bare {
  readonly name: string
  /** `plain`, whose handlers get their messages decrypted. */
  readonly wrap: (plain: Consumer) => Consumer
}

interface Opening {
  readonly one: (message: KafkaMessage) => KafkaMessage
  /** The messages of a fetch, whose values have one length. */
  readonly many: (messages: readonly KafkaMessage[]) => KafkaMessage[]
}

/** With the members that the type of KafkaJS leaves out. */
type ReadMessage = KafkaMessage & {
  readonly magicByte: unknown
  readonly isControlRecord: unknown
  readonly batchContext: unknown
}

export function bareName(engine: EngineName): string {
  return `bare ${engine}`
}

/** Records encrypted for the handlers, each value as long as a sealed one: `sealedBytes`. Its first bytes mean nothing. */
export function bareReaders(
  records: readonly { readonly key: string; readonly value: Buffer }[],
  sealedBytes: number,
): { readonly messages: readonly Message[]; readonly readers: readonly Bare[] } {
  const keyBytes = randomBytes(32)
  const headBytes = sealedBytes - (records[0]?.value.length ?? 0)
  const openings: Readonly<Record<EngineName, () => Opening>> = {
    node: () => onNode(keyBytes, headBytes),
    native: () => onAddon(keyBytes, headBytes),
  }
  return {
    messages: records.map(({ key, value }) => ({ key, value: encrypted(value, keyBytes, headBytes) })),
    readers: ENGINES.map((engine) => {
      const opening = openings[engine]()
      return { name: bareName(engine), wrap: (plain) => wrapped(plain, opening) }
    }),
  }
}

function encrypted(value: Buffer, keyBytes: Buffer, headBytes: number): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(ALGORITHM, keyBytes, iv, { authTagLength: TAG_BYTES }).setAAD(AAD)
  const body = cipher.update(value)
  cipher.final()
  const before = Buffer.alloc(headBytes - IV_BYTES - TAG_BYTES)
  return Buffer.concat([before, iv, cipher.getAuthTag(), body])
}

function onNode(keyBytes: Buffer, headBytes: number): Opening {
  const key = createSecretKey(keyBytes)
  const options = { authTagLength: TAG_BYTES }
  const tagAt = headBytes - TAG_BYTES
  const ivAt = tagAt - IV_BYTES
  const iv = Buffer.alloc(IV_BYTES)
  const tag = Buffer.alloc(TAG_BYTES)
  const one = (message: KafkaMessage): KafkaMessage => {
    const value = valueOf(message)
    for (let i = 0; i < IV_BYTES; i++) iv[i] = value[ivAt + i] as number
    for (let i = 0; i < TAG_BYTES; i++) tag[i] = value[tagAt + i] as number
    const decipher = createDecipheriv(ALGORITHM, key, iv, options)
    decipher.setAAD(AAD)
    decipher.setAuthTag(tag)
    const body = new Uint8Array(value.buffer, value.byteOffset + headBytes, value.length - headBytes)
    const plaintext = decipher.update(body)
    decipher.final()
    return withValue(message, plaintext)
  }
  return {
    one,
    many(messages) {
      const opened: KafkaMessage[] = []
      for (const message of messages) opened.push(one(message))
      return opened
    },
  }
}

function onAddon(keyBytes: Buffer, headBytes: number): Opening {
  const addon = createRequire(import.meta.url)('kafka-envelope-native') as NativeAddon
  const key = addon.createKey(keyBytes)
  const tagAt = headBytes - TAG_BYTES
  const ivAt = tagAt - IV_BYTES
  let shared = Buffer.alloc(0)
  let used = 0
  let layout = new Uint32Array(0)
  let outcomes = new Uint8Array(0)
  return {
    one(message) {
      const value = valueOf(message)
      const bytes = value.length - headBytes
      if (used + bytes > shared.length) {
        shared = Buffer.allocUnsafeSlow(Math.max(bytes, CALL_BYTES))
        used = 0
      }
      const target = Buffer.from(shared.buffer, used, bytes)
      used += bytes
      if (!addon.openOne(key, value, target, AAD, ivAt, tagAt, headBytes)) throw new Error('it did not open')
      return withValue(message, target)
    },
    many(messages) {
      const opened: KafkaMessage[] = []
      const { buffer, length } = valueOf(messages[0] as KafkaMessage)
      // The values of a fetch are parts of one buffer.
      const fetch = new Uint8Array(buffer)
      const bytes = length - headBytes
      const inCall = Math.max(1, Math.floor(CALL_BYTES / bytes))
      for (let from = 0; from < messages.length; from += inCall) {
        const records = Math.min(inCall, messages.length - from)
        if (outcomes.length !== records) {
          layout = new Uint32Array(records * LAYOUT_PLACES)
          outcomes = new Uint8Array(records)
        }
        const target = Buffer.allocUnsafeSlow(records * bytes)
        for (let i = 0, at = 0; i < records; i++) {
          const { byteOffset } = valueOf(messages[from + i] as KafkaMessage)
          layout[at++] = byteOffset + ivAt
          layout[at++] = byteOffset + tagAt
          layout[at++] = byteOffset + headBytes
          layout[at++] = byteOffset + length
          layout[at++] = 0
          layout[at++] = AAD.length
          layout[at++] = i * bytes
        }
        if (addon.openInto(key, fetch, target, AAD, layout, outcomes) > 0) throw new Error('it did not open')
        for (let i = 0; i < records; i++) {
          const plaintext = Buffer.from(target.buffer, i * bytes, bytes)
          opened.push(withValue(messages[from + i] as KafkaMessage, plaintext))
        }
      }
      return opened
    },
  }
}

function wrapped(plain: Consumer, { one, many }: Opening): Consumer {
  const run = ({ eachMessage, eachBatch, ...config }: ConsumerRunConfig = {}): Promise<void> =>
    plain.run({
      ...config,
      ...(eachMessage && {
        eachMessage: ({ topic, partition, message, heartbeat, pause }) =>
          eachMessage({ topic, partition, message: one(message), heartbeat, pause }),
      }),
      ...(eachBatch && {
        eachBatch: (payload) =>
          eachBatch({ ...payload, batch: { ...payload.batch, messages: many(payload.batch.messages) } }),
      }),
    })
  return Object.assign(Object.create(plain) as Consumer, { run })
}

function valueOf({ value }: KafkaMessage): Buffer {
  if (value === null) throw new Error('a record has no value')
  return value
}

/** A message as KafkaJS makes it, member by member: V8 takes longer to spread one. */
function withValue(message: KafkaMessage, value: Buffer): KafkaMessage {
  const { magicByte, attributes, timestamp, offset, key, headers, isControlRecord, batchContext } =
    message as ReadMessage
  const opened = {
    magicByte,
    attributes,
    timestamp,
    offset,
    key,
    value,
    headers,
    isControlRecord,
    batchContext,
  }
  return opened as KafkaMessage
}
