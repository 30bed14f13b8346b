import { createSecretKey, type KeyObject } from 'node:crypto'
import * as v from 'valibot'
import { configError } from '../errors.js'
import { byteSize, duration, type ByteSize, type Duration } from '../units.js'
import type { AuditHead } from './chain.js'

/** Options of {@link openAuditLog}. */
export interface AuditOptions {
  /** The file. Created with mode 0600 if it does not exist; else the log in it goes on. Each process needs its own. */
  readonly file: string
  /**
   * At least 32 secret bytes. With it, lines are chained with HMAC-SHA256, and nobody without it can change, add or
   * replace one unnoticed. Without it, anyone who can write to the file can compute a new chain (SHA-256). It is never
   * written. Keep it where those who can write to the file cannot read it.
   */
  readonly key?: Uint8Array
  /** The size from which on lines go to a new file. The full one is renamed: `FILE.000000004711`. Default 64MiB. */
  readonly maxFileBytes?: ByteSize
  /**
   * Called with the last line that is on the disk: at the start, then at most once each `headEvery` while there are new
   * lines, and at the end. Keep it elsewhere: it shows later that lines were removed at the end, or all were replaced.
   */
  readonly onHead?: (head: AuditHead) => unknown
  /** Default 1m. */
  readonly headEvery?: Duration
}

/** Shorter keys could be guessed. */
const MIN_KEY_BYTES = 32
const KEY = `expected at least ${String(MIN_KEY_BYTES)} bytes, as a Uint8Array or a Buffer`

export const auditKey = v.pipe(
  v.instance(Uint8Array, KEY),
  v.check((key) => key.byteLength >= MIN_KEY_BYTES, KEY),
)

const SCHEMA = v.strictObject({
  file: v.pipe(v.string('expected a path'), v.nonEmpty('expected a path')),
  key: v.optional(auditKey),
  maxFileBytes: v.optional(byteSize(2 ** 10, 2 ** 40), '64MiB'),
  onHead: v.optional(
    v.custom<(head: AuditHead) => unknown>((given) => typeof given === 'function', 'expected a function'),
  ),
  headEvery: v.optional(duration(0, 86_400_000, 1000), '1m'),
})

export interface CheckedAuditOptions {
  readonly file: string
  readonly key: KeyObject | undefined
  readonly maxFileBytes: number
  readonly onHead: ((head: AuditHead) => unknown) | undefined
  readonly headEveryMs: number
}

/** @throws EnvelopeError CONFIG_INVALID with all mistakes; no message repeats a value */
export function checkedAuditOptions(options: unknown): CheckedAuditOptions {
  const { success, output, issues } = v.safeParse(SCHEMA, options)
  if (!success)
    throw configError(
      issues.map((issue) => ({ path: v.getDotPath(issue) ?? '(root)', message: issue.message })),
      { subject: 'the options of openAuditLog()' },
    )
  const { file, key, maxFileBytes, onHead, headEvery } = output
  return { file, key: key && createSecretKey(key), maxFileBytes, onHead, headEveryMs: headEvery }
}
