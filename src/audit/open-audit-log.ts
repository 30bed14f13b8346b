import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Encryption } from '../encryption.js'
import { isEnvelopeError } from '../errors.js'
import type { EncryptionEvents, EventName } from '../events.js'
import { internalsOf } from '../record/internals.js'
import { VERSION } from '../version.js'
import { AuditFile, realPathOf } from './audit-file.js'
import { AUDITED, overrideFields, plaintextFields, type AuditedName } from './audited-events.js'
import { checkedAuditOptions, type AuditOptions } from './audit-options.js'
import { lineHash, type AuditHead, type Entry } from './chain.js'
import { lockFile } from './file-lock.js'
import { unusable, type Tail } from './file-tail.js'
import { HeadReports } from './head-reports.js'
import { LineQueue } from './line-queue.js'
import { LineWriter } from './line-writer.js'
import { PlaintextSums } from './plaintext-sums.js'

/** An audit log that is being written. */
export interface AuditLog {
  /** The last line that is on the disk. */
  readonly head: AuditHead
  /**
   * Resolves when everything that has happened is on the disk.
   * @throws EnvelopeError AUDIT_LOG_WRITE_FAILED; lines are written later if the file can be written again
   */
  flush(): Promise<AuditHead>
  /**
   * Ends the log and returns its last line. Close the encryption first: its last keys are destroyed then. Idempotent.
   * @throws EnvelopeError AUDIT_LOG_WRITE_FAILED if the last lines could not be written
   */
  close(): Promise<AuditHead>
  /** `close()`, for `await using audit = await openAuditLog(…)`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Writes what matters to auditors to a file, as JSON lines that are chained by hashes; docs/audit.md describes each
 * line. Call it directly after `createEncryption`: what happened earlier is not in it. Sealing and opening never wait
 * for it. If the file cannot be written, the event `audit.failed` says so.
 *
 * @throws EnvelopeError CONFIG_INVALID; AUDIT_LOG_IN_USE if another process may be writing to the file;
 * AUDIT_LOG_UNUSABLE if the log in it cannot go on, or it cannot be opened; AUDIT_LOG_WRITE_FAILED
 */
export async function openAuditLog(encryption: Encryption, options: AuditOptions): Promise<AuditLog> {
  const { file: given, key, maxFileBytes, onHead, headEveryMs } = checkedAuditOptions(options)
  const { clock, events } = internalsOf(encryption, 'openAuditLog')
  const hash = lineHash(key)
  const queue = new LineQueue()
  let writer: LineWriter | undefined
  const add = (event: string, fields: Entry['fields']): void => {
    queue.add({ event, wallMs: clock.wallMs(), fields })
    writer?.wake()
  }
  const sums = new PlaintextSums(clock, (sum) => {
    add('plaintext.delivered', plaintextFields(sum))
  })
  // Before anything is awaited, so that no event is missed.
  const start = startEntry(encryption, { wallMs: clock.wallMs(), isKeyed: key !== undefined })
  const present = [...deksInUse(encryption, start.wallMs), ...overridesOf(encryption, start.wallMs)]
  const ears = listen(encryption, { add, sums })
  const stopListening = (): void => {
    for (const remove of ears.splice(0)) remove()
    sums.flush()
  }
  try {
    const path = await opening(given, () => realPathOf(given))
    const unlock = await opening(path, () => lockFile(path))
    try {
      const { file, tail } = await opening(path, () => AuditFile.open(path, { hash, maxBytes: maxFileBytes }))
      try {
        queue.addFirst([withUnfinished(start, tail), ...present])
        const reports = new HeadReports(onHead ?? (() => undefined), headEveryMs, clock)
        const moved = (head: AuditHead): void => {
          reports.moved(head)
        }
        writer = new LineWriter({ path, file, queue, hash, clock, events, head: tail.head, onHead: moved })
        await writer.flush()
        return logOf(writer, sums, async (last) => {
          stopListening()
          add('audit.closed', {})
          try {
            return await last.flush()
          } finally {
            last.stop()
            // Also if the last lines could not be written: those before them are on the disk.
            reports.report()
            await file.close().finally(unlock)
          }
        })
      } catch (error) {
        writer?.stop()
        await file.close()
        throw error
      }
    } catch (error) {
      await unlock()
      throw error
    }
  } catch (error) {
    stopListening()
    throw error
  }
}

function logOf(
  writer: LineWriter,
  sums: PlaintextSums,
  end: (writer: LineWriter) => Promise<AuditHead>,
): AuditLog {
  let closing: Promise<AuditHead> | undefined
  const close = (): Promise<AuditHead> => (closing ??= end(writer))
  return {
    get head() {
      return writer.head
    },
    flush: () => {
      if (closing !== undefined) return closing
      sums.flush()
      return writer.flush()
    },
    close,
    async [Symbol.asyncDispose]() {
      await close()
    },
  }
}

interface Targets {
  readonly add: (event: string, fields: Entry['fields']) => void
  readonly sums: PlaintextSums
}

/** Returns the functions that remove the listeners. */
function listen(encryption: Encryption, { add, sums }: Targets): (() => void)[] {
  const names = Object.keys(AUDITED) as AuditedName[]
  const toLine = (name: AuditedName, event: EncryptionEvents[EventName]): void => {
    const fields = (AUDITED[name] as (event: unknown) => Entry['fields'] | undefined)(event)
    if (fields !== undefined) add(name, fields)
  }
  return [
    ...names.map((name) =>
      encryption.on(name, (event) => {
        toLine(name, event)
      }),
    ),
    encryption.on('plaintext.delivered', (event) => {
      sums.add(event)
    }),
  ]
}

function startEntry(
  encryption: Encryption,
  { wallMs, isKeyed }: { readonly wallMs: number; readonly isKeyed: boolean },
): Entry {
  const fields = {
    format: 1,
    algorithm: isKeyed ? 'hmac-sha256' : 'sha256',
    instance: randomBytes(16).toString('hex'),
    pid: process.pid,
    host: hostname(),
    version: VERSION,
    node: process.version,
    engine: encryption.health().engine,
  }
  return { event: 'audit.started', wallMs, fields }
}

/** The DEKs that seal already, such as provisioned ones. */
function deksInUse(encryption: Encryption, wallMs: number): Entry[] {
  return encryption
    .health()
    .sealingKeys.flatMap(({ rule, topic, sessionId }) =>
      sessionId === undefined
        ? []
        : [{ event: 'audit.dekInUse', wallMs, fields: { rule, topic, sessionId } }],
    )
}

/** The overrides in the configuration. */
function overridesOf(encryption: Encryption, wallMs: number): Entry[] {
  return encryption
    .health()
    .overrides.map((override) => ({ event: 'audit.override', wallMs, fields: overrideFields(override) }))
}

function withUnfinished(start: Entry, { unfinished }: Tail): Entry {
  return unfinished === undefined ? start : { ...start, fields: { ...start.fields, ...unfinished } }
}

/** @throws EnvelopeError AUDIT_LOG_UNUSABLE for an error of the file system */
async function opening<T>(path: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    throw isEnvelopeError(error) ? error : unusable(path, 'cannot be opened', error)
  }
}
