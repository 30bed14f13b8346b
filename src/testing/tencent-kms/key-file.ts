import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, basename } from 'node:path'

import * as v from 'valibot'

import { EnvelopeError } from '../../errors.js'
import type { Cmk } from './cmk.js'

/** What is kept: the raw keys. */
export interface KeyFileContent {
  readonly rootKey: Buffer
  readonly cmks: readonly Cmk[]
}

/** Where keys are kept; in memory, `write` does nothing. */
export interface KeyFile {
  read(): KeyFileContent
  write(content: KeyFileContent): void
}

const FORMAT = 'kafka-envelope/tencent-kms-emulator/1'
const PRIVATE = 0o600
const OTHERS = 0o077
const POSIX: boolean = process.platform !== 'win32'

const aesKey = v.pipe(
  v.string(),
  v.check((text) => Buffer.from(text, 'base64').length === 32),
)
const seconds = v.pipe(v.number(), v.integer())
const SCHEMA = v.strictObject({
  format: v.literal(FORMAT),
  rootKey: aesKey,
  keys: v.array(
    v.strictObject({
      keyId: v.string(),
      region: v.string(),
      usage: v.picklist(['ENCRYPT_DECRYPT', 'ASYMMETRIC_DECRYPT_RSA_2048']),
      origin: v.picklist(['TENCENT_KMS', 'EXTERNAL']),
      createdAt: seconds,
      alias: v.string(),
      description: v.string(),
      tags: v.optional(v.array(v.strictObject({ TagKey: v.string(), TagValue: v.string() }))),
      state: v.picklist(['Enabled', 'Disabled', 'PendingDelete', 'PendingImport', 'Archived']),
      materials: v.array(aesKey),
      privateKey: v.optional(v.string()),
      rotation: v.optional(v.strictObject({ days: seconds, next: seconds })),
      lastRotatedAt: v.optional(seconds),
      deleteAt: v.optional(seconds),
    }),
  ),
})

/** Nothing is kept. */
export function inMemory(): KeyFile {
  return { read: fresh, write: () => undefined }
}

/**
 * A JSON file of mode 0600 that holds raw keys. It is written anew and renamed on every change, so that it is
 * always whole; one process may use it at a time.
 */
export function onDisk(file: string): KeyFile {
  return {
    read: () => readKeyFile(file) ?? fresh(),
    write: (content) => {
      writeKeyFile(file, content)
    },
  }
}

function fresh(): KeyFileContent {
  return { rootKey: randomBytes(32), cmks: [] }
}

/** @throws EnvelopeError KEYRING_EXPOSED, KEYRING_INVALID, KMS_DENIED; `undefined` where there is no file */
function readKeyFile(file: string): KeyFileContent | undefined {
  const text = readPrivate(file)
  if (text === undefined) return undefined
  try {
    const { rootKey, keys } = v.parse(SCHEMA, JSON.parse(text))
    return { rootKey: Buffer.from(rootKey, 'base64'), cmks: keys }
  } catch {
    // Not as a cause: what the parser says shows what stands in the file.
    throw new EnvelopeError('KEYRING_INVALID', `${file} is not a key file of the emulator`)
  }
}

function readPrivate(file: string): string | undefined {
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, 'r')
    // Of the opened file: one that is looked up by path again may be another by then.
    if (POSIX && (fstatSync(descriptor).mode & OTHERS) !== 0) {
      throw new EnvelopeError('KEYRING_EXPOSED', `others than its owner may use ${file}`)
    }
    return readFileSync(descriptor, 'utf8')
  } catch (error) {
    if (error instanceof EnvelopeError) throw error
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new EnvelopeError('KMS_DENIED', `this process cannot read ${file}`, { cause: error })
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

function writeKeyFile(file: string, { rootKey, cmks }: KeyFileContent): void {
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(8).toString('hex')}.tmp`)
  const text = JSON.stringify({ format: FORMAT, rootKey: rootKey.toString('base64'), keys: cmks }, null, 2)
  try {
    const descriptor = openSync(temporary, 'wx', PRIVATE)
    try {
      if (POSIX) fchmodSync(descriptor, PRIVATE)
      writeFileSync(descriptor, `${text}\n`)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw new EnvelopeError('KMS_UNAVAILABLE', `cannot write ${file}`, { cause: error })
  }
}
