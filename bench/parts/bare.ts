import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import type { Consumer, ConsumerRunConfig, KafkaMessage, Message } from 'kafkajs'
import type { NativeAddon } from '../../src/crypto/native-engine.js'
import { ENGINES, type EngineName } from './engines.js'

/*
 * A plainly written handler of KafkaJS that only decrypts: AES-GCM under one key that it has, and a message with the
 * plaintext. It reads no envelope and no header, checks nothing but the tag, and keeps one key. It is for comparison, and no
 * strict bound: it makes views and copies that a tuned handler would not make.
 */

const ALGORITHM = 'aes-256-gcm'
const [IV_BYTES, TAG_BYTES] = [12, 16]
const AAD = Buffer.alloc(128)
/** What one call of the addon opens, and what shares memory, as in the native engine. */
const CALL_BYTES = 2 ** 15

/** A handler that only decrypts. */
export interface Bare {
  readonly name: string
  /** `plain`, whose handlers get their messages decrypted. */
  readonly wrap: (plain: Consumer) => Consumer
}

interface Opening {
  readonly one: (value: Buffer) => Buffer
  readonly many: (values: readonly Buffer[]) => Buffer[]
}

export function bareName(engine: EngineName): string {
  return `bare ${engine}`
}

/** Values encrypted for the handlers, each as long as a sealed one: `sealedBytes`. Their first bytes mean nothing. */
export function bareReaders(
  values: readonly Buffer[],
  sealedBytes: number,
): { readonly messages: readonly Message[]; readonly readers: readonly Bare[] } {
  const keyBytes = randomBytes(32)
  const headBytes = sealedBytes - (values[0]?.length ?? 0)
  const openings: Readonly<Record<EngineName, () => Opening>> = {
    node: () => onNode(keyBytes, headBytes),
    native: () => onAddon(keyBytes, headBytes),
  }
  return {
    messages: values.map((value) => ({ value: encrypted(value, keyBytes, headBytes) })),
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
  const one = (value: Buffer): Buffer => {
    const decipher = createDecipheriv(ALGORITHM, key, value.subarray(tagAt - IV_BYTES, tagAt), options)
    decipher.setAAD(AAD).setAuthTag(value.subarray(tagAt, headBytes))
    const plaintext = decipher.update(value.subarray(headBytes))
    decipher.final()
    return plaintext
  }
  return { one, many: (values) => values.map(one) }
}

function onAddon(keyBytes: Buffer, headBytes: number): Opening {
  const addon = createRequire(import.meta.url)('kafka-envelope-native') as NativeAddon
  const key = addon.createKey(keyBytes)
  const tagAt = headBytes - TAG_BYTES
  const ivAt = tagAt - IV_BYTES
  let shared = Buffer.alloc(0)
  let used = 0
  return {
    one(value) {
      const bytes = value.length - headBytes
      if (used + bytes > shared.length) {
        shared = Buffer.allocUnsafeSlow(Math.max(bytes, CALL_BYTES))
        used = 0
      }
      const target = Buffer.from(shared.buffer, used, bytes)
      used += bytes
      if (!addon.openOne(key, value, target, AAD, ivAt, tagAt, headBytes)) throw new Error('it did not open')
      return target
    },
    many(values) {
      const opened: Buffer[] = []
      const bytes = (values[0]?.length ?? 0) - headBytes
      const inCall = Math.max(1, Math.floor(CALL_BYTES / bytes))
      for (let from = 0; from < values.length; from += inCall) {
        const records = Math.min(inCall, values.length - from)
        const target = Buffer.allocUnsafeSlow(records * bytes)
        const layout = new Uint32Array(records * 7)
        for (let i = 0, at = 0; i < records; i++) {
          const { byteOffset, length } = values[from + i] as Buffer
          layout[at++] = byteOffset + ivAt
          layout[at++] = byteOffset + tagAt
          layout[at++] = byteOffset + headBytes
          layout[at++] = byteOffset + length
          layout[at++] = 0
          layout[at++] = AAD.length
          layout[at++] = i * bytes
        }
        // The values of a fetch are parts of one buffer.
        const fetch = new Uint8Array((values[from] as Buffer).buffer)
        if (addon.openInto(key, fetch, target, AAD, layout, new Uint8Array(records)) > 0)
          throw new Error('it did not open')
        for (let i = 0; i < records; i++) opened.push(Buffer.from(target.buffer, i * bytes, bytes))
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
        eachMessage: (payload) =>
          eachMessage({ ...payload, message: { ...payload.message, value: one(valueOf(payload.message)) } }),
      }),
      ...(eachBatch && {
        eachBatch: (payload) => {
          const values = many(payload.batch.messages.map(valueOf))
          const messages = payload.batch.messages.map((message, i) => ({
            ...message,
            value: values[i] as Buffer,
          }))
          return eachBatch({ ...payload, batch: { ...payload.batch, messages } })
        },
      }),
    })
  return Object.assign(Object.create(plain) as Consumer, { run })
}

function valueOf({ value }: KafkaMessage): Buffer {
  if (value === null) throw new Error('a record has no value')
  return value
}
