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

import type { Cmk } from './cmk.js'
import { EmulatorError } from './errors.js'

/** The content of a key file: raw keys. */
export interface KeyFileContent {
  readonly rootKey: Buffer
  readonly cmks: readonly Cmk[]
}

/** Where the keys are kept. In memory, `write` does nothing. */
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

/** Keeps nothing. */
export function inMemory(): KeyFile {
  return { read: fresh, write: () => undefined }
}

/**
 * A JSON file of mode 0600 that holds raw keys. Each change writes a new file and renames it, so that the file is always
 * complete; one process can use it at a time.
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

/** `undefined` if there is no file. @throws EmulatorError KEY_FILE_EXPOSED, KEY_FILE_INVALID, KEY_FILE_UNREADABLE */
function readKeyFile(file: string): KeyFileContent | undefined {
  const text = readPrivate(file)
  if (text === undefined) return undefined
  try {
    const { rootKey, keys } = v.parse(SCHEMA, JSON.parse(text))
    return { rootKey: Buffer.from(rootKey, 'base64'), cmks: keys }
  } catch {
    // Without a cause: the parser's message shows the content of the file.
    throw new EmulatorError('KEY_FILE_INVALID', `${file} is not a key file of the emulator`)
  }
}

function readPrivate(file: string): string | undefined {
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, 'r')
    // Checks the open file: the path might name another file by now.
    if (POSIX && (fstatSync(descriptor).mode & OTHERS) !== 0) {
      throw new EmulatorError('KEY_FILE_EXPOSED', `users other than its owner have access to ${file}`)
    }
    return readFileSync(descriptor, 'utf8')
  } catch (error) {
    if (error instanceof EmulatorError) throw error
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new EmulatorError('KEY_FILE_UNREADABLE', `cannot read ${file}`, { cause: error })
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
    throw new EmulatorError('KEY_FILE_UNWRITABLE', `cannot write ${file}`, { cause: error })
  }
}
