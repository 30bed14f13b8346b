import { createHash, createHmac, type KeyObject } from 'node:crypto'

/*
 * The form of a line, and how lines are chained. A line is one JSON object. Its last two members are `prev`, the hash of
 * the line before it, and `hash`, over the bytes of the line up to `,"hash":`. The bytes are hashed as they are in the
 * file, so no two programs can disagree about a canonical form.
 */

/** The end of a log, or of a part of it: its last line. Kept elsewhere, it shows later that nothing before it changed. */
export interface AuditHead {
  readonly seq: number
  /** 64 hex digits. */
  readonly hash: string
}

/** A line before it is chained. */
export interface Entry {
  readonly event: string
  /** Milliseconds since the epoch. */
  readonly wallMs: number
  readonly fields: Readonly<Record<string, unknown>>
}

/** A line as it was found. */
export interface FoundLine extends AuditHead {
  readonly event: string
  readonly prev: string
  /** Whether its hash is that of its bytes, under the key. */
  readonly isIntact: boolean
  readonly members: Readonly<Record<string, unknown>>
}

/** Hashes the bytes of a line. */
export type LineHash = (bytes: Uint8Array | string) => string

/** What the first line of a log has as the hash of the line before it. */
export const NOTHING_BEFORE: string = '0'.repeat(64)
/** Longer lines are refused, so that reading takes bounded memory. The longest that is written is far shorter. */
export const MAX_LINE_BYTES: number = 2 ** 20

const ENDING = /^,"hash":"([0-9a-f]{64})"\}$/
const ENDING_BYTES = ',"hash":""}'.length + 64
const HASH = /^[0-9a-f]{64}$/

/** SHA-256, or HMAC-SHA256 if there is a key. */
export function lineHash(key: KeyObject | undefined): LineHash {
  if (key === undefined) return sha256
  return (bytes) => createHmac('sha256', key).update(bytes).digest('hex')
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The line that follows `before`, with its line break. */
export function chained(
  { event, wallMs, fields }: Entry,
  before: AuditHead | undefined,
  hash: LineHash,
): { readonly line: string; readonly head: AuditHead } {
  const seq = before === undefined ? 0 : before.seq + 1
  const time = new Date(wallMs).toISOString()
  const hashed = JSON.stringify({ seq, time, event, ...fields, prev: before?.hash ?? NOTHING_BEFORE }).slice(
    0,
    -1,
  )
  const head = { seq, hash: hash(hashed) }
  return { line: `${hashed},"hash":"${head.hash}"}\n`, head }
}

/** Reads a line without its line break. Undefined if it has not the form of one. */
export function readLine(line: Buffer, hash: LineHash): FoundLine | undefined {
  const at = line.length - ENDING_BYTES
  if (at < 0) return undefined
  const [, stated] = ENDING.exec(line.toString('latin1', at)) ?? []
  const members = stated === undefined ? undefined : parsed(line)
  if (stated === undefined || members === undefined) return undefined
  const { seq, event, prev } = members
  if (!Number.isSafeInteger(seq) || typeof event !== 'string') return undefined
  if (typeof prev !== 'string' || !HASH.test(prev)) return undefined
  const isIntact = hash(line.subarray(0, at)) === stated
  return { seq: seq as number, event, prev, hash: stated, isIntact, members }
}

function parsed(line: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Whether a line directly follows another. */
export function follows({ seq, prev }: FoundLine, before: AuditHead): boolean {
  return seq === before.seq + 1 && prev === before.hash
}
